"""Our guests: machine code with its listings, the KVM ioctls, the functional probe, the boot sector."""
