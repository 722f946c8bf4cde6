"""Vendor libraries in processes of their own, spoken to by lines of JSON.

A vendor's library is often 32-bit, keeps one static state, hangs, or takes its process down with it.
So it never lives in the agent: a helper process loads it, and a hang or a crash costs one call.

The protocol, version 1, for helpers in any language. Every line is one JSON object in ASCII
(everything else escaped as ``\\uXXXX``, so that no code page matters), ended by LF, at most 1 MiB.

1.  The helper writes one line when it is ready to be called::

        {"ready": 1, "helper": "sscard"}

    ``ready`` is the protocol's version, ``helper`` what it calls itself. A helper that cannot load its
    library says so and ends: ``{"failed": "library_missing", "detail": "SSCardDriver.dll"}``.

2.  The agent writes one call and waits; there is never a second one before the first is answered::

        {"id": 7, "call": "read_card", "arguments": {"contact": 1}}

3.  The helper answers with the same ``id``: a value, or a refusal::

        {"id": 7, "value": {"fields": ["330100", "..."]}}
        {"id": 7, "error": "driver", "number": -2201, "detail": "no PSAM"}

    ``error`` is a stable word, ``number`` the library's own code where it has one. ``detail`` is for the
    log: it must hold nothing of a person and no key material.

4.  At the end of its input the helper ends at once, also within a call: the agent is gone or has
    given it up.

Standard output belongs to the protocol. What a library prints goes to standard error, which the
agent discards, since it may hold anything. A call that is not answered in time, a line that is no
answer, or the end of the helper end the process; the next call starts a new one, after a pause that
grows with failures in a row. A call is never repeated by itself.

:class:`agent.helpers.client.HelperProcess` is the agent's end; :func:`agent.helpers.serving.serve`
writes a helper in Python, with nothing but the standard library, so that a 32-bit Python beside the
agent is enough. A whole helper::

    from agent.helpers.serving import Refusal, serve

    def add(arguments):
        if arguments["b"] < 0:
            raise Refusal("negative", number=-1)
        return {"sum": arguments["a"] + arguments["b"]}

    if __name__ == "__main__":
        serve("adder", {"add": add})

and its use::

    adder = HelperProcess(HelperSettings("adder", (python, "adder.py")), clock)
    adder.call("add", {"a": 1, "b": 2})    # {"sum": 3}
    adder.close()
"""
