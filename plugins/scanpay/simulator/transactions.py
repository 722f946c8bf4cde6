"""The 12 transactions: what each checks, changes and answers. Pure but for the world they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, Final

from agent.events import JsonObject
from agent.rehearsal.ledger import Effect
from agent.rehearsal.people import MOST, invented_identity
from plugins.scanpay.simulator import codes
from plugins.scanpay.simulator.settlement import settlement
from plugins.scanpay.simulator.state import CENT, Cycle, Form, Order, Shares, Status, World
from plugins.scanpay.simulator.statements import Style, statement


class Refusal(Exception):
    """A business refusal (aprcode); the text is aprtmsg."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


NO_ORDER, WRONG_STATE, STALE_CODE = "10", "11", "12"
WRONG_CONTENT, WRONG_AMOUNT, WRONG_PERSON, WRONG_CYCLE = "13", "14", "15", "16"


@dataclass(frozen=True, slots=True)
class Manners:
    """Where the document leaves a choice. ``guarded``: a known orderid is refused. ``second_check``:
    ectoken is demanded. ``cancelled_shown``: ST009 says 4 after ST100, else nothing (S15)."""

    guarded: bool = True
    second_check: bool = True
    cancelled_shown: bool = True
    statement: Style = field(default_factory=Style)


@dataclass(frozen=True, slots=True)
class Reply:
    """Business data of an answer, what took effect, and the order whose result is called back."""

    data: JsonObject = field(default_factory=dict, repr=False)
    effects: tuple[Effect, ...] = ()
    callback: str = ""
    negative_about: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """What a transaction may use."""

    world: World
    manners: Manners
    hospcode: str
    now: datetime


Handler = Callable[[Context, JsonObject], Reply]


# -- cycles ---------------------------------------------------------------------------------------
def sign_in(context: Context, data: JsonObject) -> Reply:
    """ST001: a number that is sent is echoed, else one is made (S11)."""
    _own(context, data["hospcode"])
    world, number = context.world, data.get("busicycleno", "")
    known = world.cycles.get(number)
    if known is not None:
        if not known.open or known.operatorid != data["operatorid"]:
            raise Refusal(WRONG_CYCLE, "业务周期号已使用")
        return Reply({"busicycleno": number})
    number = number or world.number("5304" + data["hospcode"], context.now)
    world.cycles[number] = Cycle(number, data["hospcode"], data["operatorid"], data["aae139"])
    return Reply({"busicycleno": number}, (Effect(f"cycle:{number}"),))


def sign_out(context: Context, data: JsonObject) -> Reply:
    """ST002."""
    _own(context, data["hospcode"])
    cycle = _open_cycle(context, data["busicycleno"])
    if cycle.operatorid != data["operatorid"]:
        raise Refusal(WRONG_CYCLE, "业务周期不属于该操作员")
    cycle.open = False
    return Reply({}, (Effect(f"closed:{cycle.number}"),))


def file_of(context: Context, data: JsonObject) -> Reply:
    """ST099."""
    _own(context, data["hospcode"])
    cycle = context.world.cycles.get(data["busicycleno"])
    if cycle is None or cycle.operatorid != data["operatorid"]:
        raise Refusal(WRONG_CYCLE, "业务周期不存在")
    entries = [entry for entry in context.world.entries if entry.cycle == cycle.number]
    return Reply({"file": statement(cycle.number, entries, context.manners.statement)})


# -- people ---------------------------------------------------------------------------------------
def identify(context: Context, data: JsonObject) -> Reply:
    """ST020."""
    shown = _holder(context, data, "ecrcode")
    identity = shown.identity
    answer = {
        "aaz500": f"A{shown.person:08d}",
        "bac001": f"{shown.person:012d}",
        "aac003": identity.aac003,
        "aac004": "1" if int(identity.aac002[16]) % 2 else "2",
        "aac006": identity.aac002[6:14],
        "aac002": identity.aac002,
        "aac066": "11",
        "bac048": str(context.world.balance(shown.person)),
        "baa001": "519900",
        "aaa027": "519900",
    }
    return Reply(answer)


# -- payments -------------------------------------------------------------------------------------
def pay_at_once(context: Context, data: JsonObject) -> Reply:
    """ST007: registration, prescriptions and settlement in one step."""
    shown = _holder(context, data, "ecqrcode")
    _same_person(shown, data["pidno"], data["pname"])
    cycle = _open_cycle(context, data["busicycleno"])
    amount = _agreed_amount(data, cycle)
    order = _new_order(context, data, Form.ONE_STEP, shown.person, amount)
    _pay(context, order, context.world.shares(shown.person, order.amount), cycle.number)
    answer = {**_payer(order), "orderid": order.orderid, "balancecode": order.balancecode}
    answer |= {"orderamt": f"{order.amount:.2f}", "ordertime": order.ordertime}
    answer["aptorderackdata"] = settlement(order, context.hospcode, context.now)
    return Reply(answer, _paid(order), callback=order.orderid)


def prepare_order(context: Context, data: JsonObject) -> Reply:
    """ST021: registration, prescriptions and a calculation; nothing is paid."""
    cycle = _open_cycle(context, data["busicycleno"])
    person = _person_named(data["pidno"], data["pname"])
    order = _new_order(context, data, Form.PREPARED, person, _agreed_amount(data, cycle))
    order.shares = context.world.shares(person, order.amount)
    order.validcode = context.world.number("FW", context.now)
    shares = order.shares
    return Reply(
        {
            "orderid": order.orderid,
            "ordervalidcode": order.validcode,
            "akc264": f"{shares.total:.2f}",
            "akc260": f"{shares.fund:.2f}",
            "akc255": f"{shares.account:.2f}",
            "akc261": f"{shares.cash:.2f}",
            "akc087": f"{shares.balance:.2f}",
        },
        (Effect(f"order:{order.orderid}", order.orderid),),
    )


def pay_order(context: Context, data: JsonObject) -> Reply:
    """ST022: after ST021 by its calculation, after ST023 by the amounts that are sent (S13)."""
    shown = _holder(context, data, "ecqrcode")
    order = _order(context, data["orderid"])
    cycle = _open_cycle(context, data["busicycleno"])
    if order.form is Form.ONE_STEP or (order.status is not Status.PAYING and context.manners.guarded):
        raise Refusal(WRONG_STATE, "订单不是待支付状态")
    if order.validcode != data["ordervalidcode"]:
        raise Refusal(WRONG_CONTENT, "订单防伪码不正确")
    if order.person != shown.person:
        raise Refusal(WRONG_PERSON, "支付人与订单不是同一人")
    _pay(context, order, _amounts(context, order, data), cycle.number)
    answer = {**_payer(order), "orderid": order.orderid, "balancecode": order.balancecode}
    answer["orderamt"] = f"{order.amount:.2f}"
    answer["aptorderackdata"] = settlement(order, context.hospcode, context.now)
    return Reply(answer, _paid(order), callback=order.orderid)


def refund(context: Context, data: JsonObject) -> Reply:
    """ST010."""
    shown = _holder(context, data, "ecqrcode")
    cycle = _open_cycle(context, data["busicycleno"])
    order = _order(context, data["orderid"])
    if order.status is not Status.PAID or order.shares is None:
        raise Refusal(WRONG_STATE, "订单不是支付成功状态")
    if (order.balanceno, order.balancecode) != (data["balanceno"], data["balancecode"]):
        raise Refusal(WRONG_CONTENT, "结算编号或支付验证码不正确")
    if order.person != shown.person:
        raise Refusal(WRONG_PERSON, "退费人与支付人不是同一人")
    total = order.shares.total
    number = context.world.number("FJ", context.now)
    context.world.refund(order, cycle.number, number, context.now)
    answer = {
        "reorderid": context.world.number("TF", context.now),
        "receiverserialno": number,
        "canceltime": f"{context.now:%Y-%m-%d %H:%M:%S}",
        "totalfee": f"{total:.2f}",
    }
    return Reply(answer, (Effect(f"refund:{order.orderid}", order.orderid),), callback=order.orderid)


def cancel(context: Context, data: JsonObject) -> Reply:
    """ST100: in the cycle of the payment, while it is open; the settlement goes."""
    cycle = _open_cycle(context, data["busicycleno"])
    order = _order(context, data["orderid"])
    if order.status is not Status.PAID:
        raise Refusal(WRONG_STATE, "订单不是支付成功状态")
    if order.cycle != cycle.number:
        raise Refusal(WRONG_CYCLE, "与支付不在同一业务周期")
    context.world.cancel(order)
    return Reply({}, (Effect(f"pay:{order.orderid}", order.orderid, -1),))


def ask(context: Context, data: JsonObject) -> Reply:
    """ST009."""
    order = context.world.orders.get(data["orderid"])
    hidden = order is not None and order.status is Status.CANCELLED and not context.manners.cancelled_shown
    if order is None or hidden:
        return Reply(negative_about=data["orderid"])
    status = order.status
    if order.asked_while_paying > 0:
        order.asked_while_paying -= 1
        status = Status.PAYING
    answer = {
        **_payer(order),
        "orderid": order.orderid,
        "paystatus": str(status),
        "balancecode": order.balancecode if status is Status.PAID else "",
        "orderamt": f"{order.amount:.2f}",
        "ordertime": order.ordertime,
    }
    if status is Status.PAID:
        answer["aptorderackdata"] = settlement(order, context.hospcode, context.now)
    return Reply(answer)


# -- stays ----------------------------------------------------------------------------------------
def admit(context: Context, data: JsonObject) -> Reply:
    """ST023."""
    shown = _holder(context, data, "ecqrcode")
    _open_cycle(context, data["busicycleno"])
    order = _new_order(context, {**data, "orderdata": data}, Form.STAY, shown.person, Decimal(0))
    order.validcode = context.world.number("FW", context.now)
    order.akc190 = context.world.number("ZY", context.now)
    answer = {
        "orderid": order.orderid,
        "ordervalidcode": order.validcode,
        "akc190": order.akc190,
        "akc290": "0.00",
        "akc090": "1",
        **_payer(order),
    }
    del answer["sidistrictcode"]
    return Reply(answer, (Effect(f"stay:{order.orderid}", order.orderid),))


def discharge(context: Context, data: JsonObject) -> Reply:
    """ST024: a stay without fees is taken back."""
    shown = _holder(context, data, "ecrcode")
    _open_cycle(context, data["busicycleno"])
    order = _order(context, data["orderid"])
    if order.form is not Form.STAY or order.status is not Status.PAYING:
        raise Refusal(WRONG_STATE, "不是未结算的入院登记")
    if order.validcode != data["ordervalidcode"]:
        raise Refusal(WRONG_CONTENT, "订单防伪码不正确")
    if order.person != shown.person:
        raise Refusal(WRONG_PERSON, "与入院登记不是同一人")
    order.status = Status.CANCELLED
    return Reply({}, (Effect(f"stay:{order.orderid}", order.orderid, -1),))


TRANSACTIONS: Final[Mapping[str, Handler]] = MappingProxyType(
    {
        "ST001": sign_in,
        "ST002": sign_out,
        "ST007": pay_at_once,
        "ST009": ask,
        "ST010": refund,
        "ST020": identify,
        "ST021": prepare_order,
        "ST022": pay_order,
        "ST023": admit,
        "ST024": discharge,
        "ST099": file_of,
        "ST100": cancel,
    }
)


# -- checks ---------------------------------------------------------------------------------------
def _own(context: Context, hospcode: str) -> None:
    if hospcode != context.hospcode:
        raise Refusal(WRONG_CONTENT, "定点代码与报文不一致")


def _holder(context: Context, data: JsonObject, code_field: str) -> codes.Shown:
    """Whose code it is: with a token within its five minutes, with the code alone within its minute."""
    code, token = data[code_field], data.get("ectoken", "")
    shown = codes.read(code)
    if shown is None:
        raise Refusal(STALE_CODE, "电子凭证二维码无效")
    if not token and context.manners.second_check:
        raise Refusal(WRONG_CONTENT, "缺少电子凭证鉴权 token")
    age = context.now - shown.at
    if (token and token != codes.token_of(code)) or age > (codes.TOKEN_LIVES if token else codes.CODE_LIVES):
        raise Refusal(STALE_CODE, "电子凭证已失效，请重新扫码")
    if token:
        _same_person(shown, data["idno"], data["username"])
    return shown


def _same_person(shown: codes.Shown, idno: str, name: str) -> None:
    if (shown.identity.aac002, shown.identity.aac003) != (idno.upper(), name):
        raise Refusal(WRONG_PERSON, "与电子凭证持有人不是同一人")


def _person_named(idno: str, name: str) -> int:
    """The invented person of an order without a scan; his number is in his name."""
    digits = name[-7:]
    person = int(digits) if digits.isdecimal() and int(digits) < MOST else -1
    if person < 0 or invented_identity(person) != (idno.upper(), name):
        raise Refusal(WRONG_PERSON, "没有该参保人")
    return person


def _open_cycle(context: Context, number: str) -> Cycle:
    cycle = context.world.cycles.get(number)
    if cycle is None or cycle.hospcode != context.hospcode:
        raise Refusal(WRONG_CYCLE, "业务周期不存在")
    if not cycle.open:
        raise Refusal(WRONG_CYCLE, "业务周期已签退")
    return cycle


def _order(context: Context, orderid: str) -> Order:
    order = context.world.orders.get(orderid)
    if order is None:
        raise Refusal(NO_ORDER, "订单不存在")
    return order


def _new_order(context: Context, data: JsonObject, form: Form, person: int, amount: Decimal) -> Order:
    if data["orderid"] in context.world.orders and context.manners.guarded:
        raise Refusal(WRONG_STATE, "订单号已使用")
    order = Order(
        orderid=data["orderid"],
        form=form,
        person=person,
        cycle=data["busicycleno"],
        amount=amount,
        ordertime=data.get("ordertime", ""),
        backurl=data.get("backurl", ""),
        details=data.get("orderdata") or {},
    )
    context.world.orders[order.orderid] = order
    return order


def _agreed_amount(data: JsonObject, cycle: Cycle) -> Decimal:
    """The order's amount, which its prescriptions must make up; of an order of the cycle's region."""
    details, amount = data.get("orderdata") or {}, Decimal(data["orderamt"])
    if (details.get("aae139") or "0") != cycle.other_region:
        raise Refusal(WRONG_CYCLE, "异地标志与业务周期不一致")
    if amount <= 0 or _total(details) != amount:
        raise Refusal(WRONG_AMOUNT, "订单金额与处方金额合计不一致")
    return amount


def _total(details: JsonObject) -> Decimal:
    return sum((_fee(row) for row in details.get("prescriptionlistinfo") or []), Decimal(0))


def _fee(prescription: JsonObject) -> Decimal:
    items = list(_item_amounts(prescription.get("prescriptionitemlistinfo") or []))
    fee = Decimal(prescription["prescriptionfee"])
    if sum(items, Decimal(0)) != fee:
        raise Refusal(WRONG_AMOUNT, "处方金额与明细合计不一致")
    return fee


def _item_amounts(items: list[JsonObject]) -> Iterator[Decimal]:
    for item in items:
        exact = Decimal(item["unitprice"]) * Decimal(item["num"])
        amount = Decimal(item["amount"])
        if abs(exact.quantize(CENT, rounding=ROUND_HALF_UP) - amount) > CENT:
            raise Refusal(WRONG_AMOUNT, "明细金额与单价数量不一致")
        yield amount


def _amounts(context: Context, order: Order, data: JsonObject) -> Shares:
    total, account = data.get("akc264", ""), data.get("akc255", "")
    if order.form is Form.PREPARED and not total:
        return context.world.shares(order.person, order.amount)
    if not total or not account:
        raise Refusal(WRONG_CONTENT, "缺少 akc264、akc255")
    shares = context.world.shares(order.person, Decimal(total), Decimal(account))
    if shares.account > shares.balance or shares.cash < 0 or _total_differs(order, shares):
        raise Refusal(WRONG_AMOUNT, "金额与预结算不一致")
    return shares


def _total_differs(order: Order, shares: Shares) -> bool:
    return order.form is Form.PREPARED and shares.total != order.amount


def _pay(context: Context, order: Order, shares: Shares, cycle: str) -> None:
    context.world.pay(order, shares, cycle, context.now)


def _paid(order: Order) -> tuple[Effect, ...]:
    return (Effect(f"pay:{order.orderid}", order.orderid),)


def _payer(order: Order) -> dict[str, Any]:
    return {
        "sipno": f"{order.person:012d}",
        "sicardno": f"A{order.person:08d}",
        "sidistrictcode": "519900",
    }
