"""Reading scanned codes: the vendor's library in a helper process, a service, or the rehearsal's rule.

=============== ==================================================================
holders         what a decoder's answer says (pure)
library         NationECCode through a helper process
library_helper  that process: ctypes and nothing else
service         a decoding service over HTTP
preparing       submissions before they are planned
=============== ==================================================================
"""
