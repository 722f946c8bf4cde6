"""From a claimed file to durable messages: read, judged by its protocol, committed, then filed away.

``prepare`` is pure; ``folder`` is the loop of one inbox; ``heavy`` lets a helper process prepare large
files, so that reading 100,000 rows costs no lane its time; ``control_files`` carries out what a HIS
decides about its own submissions.
"""
