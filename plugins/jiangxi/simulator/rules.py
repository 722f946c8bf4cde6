"""Refusals, and the checks that several transactions share."""

from __future__ import annotations

from plugins.jiangxi.simulator.state import Visit, VisitKind, World

BUSINESS = "BUS00001"
FORMAT = "NFT00001"


class Refused(Exception):
    """Nothing was changed. ``text`` is what the province says, without anybody's data."""

    def __init__(self, text: str, code: str = BUSINESS) -> None:
        super().__init__(text)
        self.text = text
        self.code = code


def demand(holds: object, text: str) -> None:
    """Raises Refused with ``text`` unless something holds."""
    if not holds:
        raise Refused(text)


def visit_of(world: World, akb020: str, akc190: str, *kinds: VisitKind) -> Visit:
    """The institution's own visit, of one of these kinds where given. Raises Refused."""
    visit = world.visits.get(akc190)
    if visit is None or visit.akb020 != akb020:
        raise Refused("未查询到该业务流水号对应的就诊登记信息")
    demand(not visit.revoked, "该就诊登记已撤销")
    demand(not kinds or visit.kind in kinds, "该业务流水号的就诊类别不能办理此业务")
    return visit


def own_institution(named: str, caller: str) -> None:
    demand(named == caller, "机构编码与认证信息不一致")
