"""What is kept for how long: files by ``files``, all of it together by ``plan``.

Never purged, however old: results, downloads and scans that nobody has read, what is not finished, the ids,
digests and final results of the HIS's submissions, used numbers, and the heads of the audit trail.
"""
