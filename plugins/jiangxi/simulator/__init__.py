"""Jiangxi's rehearsal server: the province's 工伤实时结算 interface V10.2 on a HIS vendor's workstation.

It models the envelope and all eight return codes, the field rules of the catalog, and the business of
all 20 transactions: who was injured and how (GS001, GS002, CX003), registrations (MZ002, ZY001, KF001)
and what is kept of them (ZY002, ZY004), fees judged against a small catalogue (``[[item]]`` of the
seed: ceiling price, category), settlement, refund, deletion and revocation with everything they take
along, relapses (SQ001, CX004), trace codes (SQ002).

The province's arithmetic: a fee that is not declared as work injury (aka030 0), or whose category is not
the catalogue's, is 自费; one whose code the catalogue lacks is refused; of the others the price up to the
ceiling is 可报销 and what is above it 限额, both by line and rounded half up to the cent, so that
allowFee + selfFee + quotaFee = totalFee. Where the document leaves a choice the decision is that of its
anomalies (J01 …), and switchable where two readings are likely.

A stay is settled after its discharge. The bke384 of FY001 is unique among all institutions for ever,
deleted ones included. What was settled in an earlier month counts as 已月结算 and is not taken back any
more.

It does not model: money, the monthly settlement itself, the review of relapses (they stay 审核中 unless
the seed says more), real identity checks, opening hours, limits of lists, and uniqueness of jylsh (the
ledger reports reuse). It shares the catalog's data with the agent and none of its code that judges or
builds messages.

=============== ===========================================================================
serve           the options, and how all is put together
handler, wire   one request: envelope, dispatch, answer
arithmetic      what the fund pays of a fee
rules           refusals that several transactions share
transactions    what each transaction looks up, changes and answers
state           what the province knows
seed            what it starts with (``sample.toml``)
=============== ===========================================================================
"""
