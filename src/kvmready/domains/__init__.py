"""All that is asked of libvirt about its domains, through virsh: the list, the definitions, the statistics.

connection.py: ``Libvirt`` runs virsh and turns what it says into answers or ``LibvirtError``. listing.py: ``domains``
and ``find`` know the guests. definition.py: ``definition_of`` and ``definitions_of`` read guests' XML as values.
stats.py: ``samples`` are the counters of all running guests at one moment. A guest is named to virsh by its UUID alone,
since its name may look like an option, a number or another guest's UUID.
"""
