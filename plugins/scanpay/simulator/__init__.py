"""Scan-to-pay's rehearsal server: a HIS vendor's 扫码支付 platform on the own workstation.

It models the envelope (form of key=value, XML business data, merchant and information-system signatures
on requests, the platform's on answers and callbacks, by a signature profile; plain, or encrypted with DES
and RSA), the format rules of the catalog, and the business of all 12 transactions: cycles per institution,
operator and place of insurance, one-step and two-step payments, stays whose fees come by the original
interface, refunds, cancellations, the state of an order (4.3), reconciliation files as zip, callbacks to
``backurl``. Money is kept to the cent: a person's account pays what it holds, the fund 60 %, cash the
rest; a refund or cancellation gives it back. A code lives 60 seconds, its token 5 minutes.

Where the document leaves a choice the decision is that of its anomalies (S01 …), noted at the code and
switchable where two readings are likely. It checks the document's own rules only; whether a known
orderid is refused a second time, which the document does not say, is the option ``guards``. Its ledger
counts what took effect: an order that was paid twice shows as a key that came to be twice.

It does not model: a second institution's rights, limits and entitlements of insurance, what the original
interface sends (a stay's fees are taken as ST022 says them), expiry of orders by ``orderovertime``, other
regions (aae139 only ties an order to a cycle of its kind), rate limits, and more than one key pair.

The result codes 1X of the document have no meanings; here: 10 no such order, 11 not in this state,
12 code expired, 13 wrong content, 14 amounts do not agree, 15 another person, 16 cycle; respcode 10
unknown caller or transaction, 11 signature, 12 content that cannot be read.

============ ==============================================================================
serve        the options, and how all is put together
handler      one request: envelope, dispatch, signed answer
wire         forms and XML, both ways
sealing      signatures and the encrypted envelope, the platform's end
key_files    rehearsal keys and certificates
fields       format rules from the catalog
codes        what a rehearsed app shows and a decoder makes of it
state        cycles, orders, accounts
transactions what each transaction checks, changes and answers
statements   the files of ST099
callbacks    results sent to ``backurl``
============ ==============================================================================

It shares the catalog's data with the agent and none of its code that judges or builds messages.
"""
