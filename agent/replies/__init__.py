"""Results for the HIS: ``render`` gives a result its form, ``writer`` puts it on the disk."""
