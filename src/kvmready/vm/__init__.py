"""Test guests: created from a cloud image in one command, listed, started, stopped, looked into and deleted.

create.py makes one and leaves nothing when it fails; record.py is what it writes down in the guest's own definition;
delete.py removes exactly that; power.py starts and stops any guest; inventory.py tells of them.
"""
