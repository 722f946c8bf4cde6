"""The ministry's rehearsal server: a HIS vendor's 工伤保险异地就医系统 on the own workstation.

It models the envelope (SM2, SM3, SM4 and every PE code), the format rules of the catalog, and the
business rules of the transactions in ``transactions.TRANSACTIONS`` with their RE codes: who is
insured and filed, which stays, fees and settlements there are, and what GYD053 finds of earlier
calls. Where the document leaves a choice the decision is that of its anomalies (M01 …), noted at the
code, and switchable where two readings are likely. It keeps nothing from being done twice beyond the
document's own rules, and its ledger counts what took effect.

It does not model: the review behind a filing, money, opening hours, the frequency limits' real
figures (``requests_per_second`` sets one), the deadlines of 30 minutes and 5 days (no error code
exists for them), uniqueness of REFID and REQUEST_ID (neither: the ledger reports reuse), nor other
transactions than those listed, which it refuses with RE9999.

It shares the catalog's data with the agent and none of its code that judges or builds messages.

=============== ===========================================================================
serve           the options, and how all is put together
handler, wire   one request: envelope, dispatch, sealed answer
sealing         the platform's end of the cryptography
fields          format rules from the catalog
rules           business rules, one pure function each
transactions    what each transaction looks up, changes and answers
state, seed     what the platform knows, and what it starts with (``sample.toml``)
throttle        RE1173
key_files       rehearsal keys
people          invented people whose identity numbers fail the checksum
=============== ===========================================================================
"""
