"""kvmready turns a Linux machine into a KVM virtualization host and proves it by running a guest."""

__version__ = "0.1.0"
