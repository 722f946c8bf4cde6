"""Another system of the same province, which uploads what the agent then downloads.

It has an access key of its own, so that it takes nothing from the agent's increments.
"""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from agent.crypto import PrivateKey, PublicKey
from agent.rehearsal.people import invented_identity
from tests.unit.ministry.simulator.forms import HOSPITAL, SAMPLES, STAY
from tests.unit.ministry.simulator.rehearsed import Province

NEIGHBOUR = "510000002"
PLAN = b"%PDF-1.4 invented"
FEE = {"aae058": "20.00", "aae020": "18.00", "aae022": "2.00"}


class Neighbour:
    """Uploads stays of invented people, settles, deducts and revokes."""

    def __init__(self, url: str, own: PrivateKey, platform: PublicKey, access_key: str = NEIGHBOUR) -> None:
        self._province = Province(
            urlsplit(url).port or 0, access_key=access_key, own=own, platform=platform, number=500_000
        )

    def send(self, busitype: str, data):
        """The answer's data; every row of it was taken."""
        told = self._province.send(busitype, data)
        rows = [row for name in ("datalist", "filelist") for row in told.data.get(name, [])]
        assert told.busi == "RE0000", (busitype, told.data)
        assert {row.get("ret_code", "RE0000") for row in rows} <= {"RE0000"}, (busitype, told.data)
        return told.data

    def upload(self, busitype: str, rows, **head):
        return self.send(busitype, SAMPLES[busitype].data(rows, head))

    def admit(self, number: int, *, fees: int = 1, settled: bool = False, plan: str = "") -> str:
        """A stay of invented person ``number``, its settlement with an attachment ``plan``; its AAZ515."""
        who = {**person(number), **stay(number)}
        answer = self.upload("GYU101", [who])
        for start in range(0, fees, 500):
            part = range(start, min(fees, start + 500))
            head = {**HOSPITAL, **STAY, **who}
            self.upload("GYU102", [{"aaz213_s": f"{number}-{row}"} for row in part], **head)
        if settled:
            sums = {code: f"{float(value) * fees:.2f}" for code, value in FEE.items()}
            files = [{"filetype": "02", "aaa418": "plan.pdf", "aaa726": plan}] if plan else []
            self.upload("GYU103", [{**who, **sums, "filedata": files}])
        return str(answer["datalist"][0]["aaz515"])

    def revoke(self, busitype: str, number: int, **more: str) -> None:
        data = {**person(number), "akb020": HOSPITAL["akb020"], **stay(number), **more}
        self.send(busitype, data)

    def attach(self, number: int) -> str:
        """A plan for a stay; its AAA726."""
        content = base64.b64encode(PLAN).decode()
        file = {"aaa726_s": f"FJ{number}", "filetype": "02", "filename": "plan.pdf", "filecont": content}
        answer = self.upload("GYU002", [file], **person(number))
        return str(answer["filelist"][0]["aaa726"])


def person(number: int) -> dict[str, str]:
    return dict(invented_identity(number)._asdict())


def stay(number: int) -> dict[str, str]:
    return {"akc190": f"ZY{number:06d}"}
