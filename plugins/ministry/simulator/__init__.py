"""The ministry's rehearsal server: a HIS vendor's 工伤保险异地就医系统 on the own workstation.

It models the envelope (SM2, SM3, SM4 and every PE code), the format rules of the catalog, and the
business rules of all 39 transactions with their RE codes: institutions, applications with their review,
filings and their verification, stays, fees, settlements, aids, deductions, revocations, monthly
statements and their quarterly clearing, attachments, cards, and what GYD053 finds of earlier calls.
Downloads hand out per access key what it has not confirmed, 500 records at a time, and nothing while a
page is unconfirmed. Where the document leaves a choice the decision is that of its anomalies (M01 …),
noted at the code, and switchable where two readings are likely. It keeps nothing from being done twice
beyond the document's own rules, and its ledger counts what took effect.

It does not model: the review of what an insured province files itself, how applications get to the
ministry (they are in the seed), money, the confirmation of what a clearing says is due, opening hours,
the frequency limits' real figures (``requests_per_second`` sets one), the deadlines of 30 minutes and
5 days (no error code exists for them), the life of a QR code, real cards (the data of GYD055 are made
up), and uniqueness of REFID and REQUEST_ID (the ledger reports reuse). Codes of fields that the document
has dropped are not raised (M88). A 人次 is a settlement among a statement's details (M43); a clearing
is there when its quarter is over.

It shares the catalog's data with the agent and none of its code that judges or builds messages.

=============== ===========================================================================
serve           the options, and how all is put together
handler, wire   one request: envelope, dispatch, sealed answer
sealing         the platform's end of the cryptography
fields          format rules from the catalog
rules           business rules, one pure function each
transactions    what each transaction looks up, changes and answers; ``downloads`` is the one
                engine of all downloads, ``feeds`` the table of what each yields
state, entities what the platform knows, and the things in it
shelves         what each access key has downloaded and confirmed
registry, seed  what is registered, and what the platform starts with (``sample.toml``)
papers          invented particulars where the seed says nothing
throttle        RE1173
key_files       rehearsal keys
=============== ===========================================================================
"""
