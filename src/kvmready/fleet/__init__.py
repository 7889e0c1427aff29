"""Many hosts at once, on Ansible: what is asked of them, what came back, and the records of it."""
