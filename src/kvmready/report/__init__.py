"""The one record of a host (``record``), and the ways to show it: text for people, JSON for machines."""
