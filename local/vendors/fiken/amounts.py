"""Net, VAT and gross of invoice lines in øre, each line rounded half up."""

from decimal import ROUND_HALF_UP, Decimal

from local.vendors.fiken.bodies import Line
from local.vendors.fiken.books import FikenError
from local.vendors.store import Document

VAT_PERCENT = {"HIGH": 25, "MEDIUM": 15, "LOW": 12}


def priced(line: Line) -> Document:
    """The line as Fiken books it; raises 400 when its amounts contradict each other."""
    vat_type = line.vat_type or _type_of(line.vat_in_percent)
    percent = Decimal(VAT_PERCENT.get(vat_type, 0))
    if line.vat_in_percent is not None and Decimal(str(line.vat_in_percent)) != percent:
        raise FikenError(400, f"vatInPercent does not match vatType {vat_type}")
    if line.income_account is None:
        raise FikenError(400, "incomeAccount is required on a line without a product")
    net = _net(line)
    vat = _round(Decimal(net) * percent / 100)
    for name, said, meant in (("vat", line.vat, vat), ("gross", line.gross, net + vat)):
        if said is not None and said != meant:
            raise FikenError(400, f"{name} is {said}, but must be {meant}")
    return {
        **line.given(),
        "vatType": vat_type,
        # Fiken takes percent and answers a fraction.
        "vatInPercent": float(percent / 100),
        "discount": line.discount / 100,
        **{name: amount for base in ("", "InNok") for name, amount in _amounts(net, vat, base)},
    }


def total(lines: list[Document]) -> Document:
    """Sums of priced lines under the names of an invoice."""
    net, vat = (sum(line[name] for line in lines) for name in ("net", "vat"))
    return {name: amount for base in ("", "InNok") for name, amount in _amounts(net, vat, base)}


def _amounts(net: int, vat: int, base: str) -> list[tuple[str, int]]:
    return [(f"net{base}", net), (f"vat{base}", vat), (f"gross{base}", net + vat)]


def _net(line: Line) -> int:
    if line.unit_price is None and line.net is None:
        raise FikenError(400, "unitPrice or net is required on a line without a product")
    kept = 1 - Decimal(str(line.discount)) / 100
    if line.unit_price is None:
        return _round(Decimal(line.net or 0) * kept)
    whole = Decimal(line.unit_price) * Decimal(str(line.quantity))
    if line.net is not None and line.net != _round(whole):
        raise FikenError(400, f"net is {line.net}, but quantity × unitPrice is {_round(whole)}")
    return _round(whole * kept)


def _type_of(percent: float | None) -> str:
    if percent is None:
        raise FikenError(400, "vatType or vatInPercent is required on a line without a product")
    for vat_type, rate in VAT_PERCENT.items():
        if rate == percent:
            return vat_type
    return "NONE"


def _round(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))
