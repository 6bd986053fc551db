"""What a request may say; an unexpected field is refused, as Fiken does."""

import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    field_validator,
)
from pydantic.alias_generators import to_camel

Text = Annotated[str, Field(max_length=200)]
Note = Annotated[str, Field(max_length=500)]
Currency = Literal["NOK"]
VatType = Literal[
    "HIGH", "MEDIUM", "LOW", "EXEMPT", "EXEMPT_IMPORT_EXPORT", "EXEMPT_REVERSE", "OUTSIDE", "NONE"
]

NOT_ON_A_CREDIT_NOTE = {"net", "vat", "gross", "vat_in_percent", "product_name"}


def _organization_number(value: str) -> str:
    digits = value.replace(" ", "")
    if len(digits) != 9 or not digits.isdigit():
        raise ValueError("organizationNumber must have nine digits")
    return digits


class Body(BaseModel):
    """Fiken's field names are camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", populate_by_name=False)

    def given(self) -> dict[str, Any]:
        """Only what was sent, under Fiken's names."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class Address(Body):
    """`country` is the one field Fiken insists on."""

    street_address: str | None = None
    street_address_line2: str | None = Field(default=None, alias="streetAddressLine2")
    city: str | None = None
    post_code: str | None = None
    country: str


class ContactPerson(Body):
    """Somebody at the customer's."""

    name: str
    email: str
    phone_number: str | None = None


class Contact(Body):
    """A customer or supplier; `memberNumberString` is the caller's own id for it."""

    name: Text
    email: Text | None = None
    organization_number: Annotated[str, AfterValidator(_organization_number)] | None = None
    phone_number: Annotated[str, Field(max_length=20)] | None = None
    member_number: float | None = None
    member_number_string: str | None = None
    customer: StrictBool = False
    supplier: StrictBool = False
    bank_account_number: Annotated[str, Field(max_length=11)] | None = None
    contact_person: list[ContactPerson] = []
    currency: Currency | None = None
    language: Literal["NORWEGIAN", "ENGLISH"] | None = None
    inactive: StrictBool = False
    days_until_invoicing_due_date: StrictInt | None = None
    discount: float | None = None
    address: Address | None = None
    groups: list[str] = []


class Line(Body):
    """One line; amounts in øre. Without products every line says its price, VAT and account."""

    quantity: float = Field(gt=0)
    unit_price: StrictInt | None = None
    net: StrictInt | None = None
    vat: StrictInt | None = None
    gross: StrictInt | None = None
    vat_type: VatType | None = None
    vat_in_percent: float | None = None
    discount: float = Field(default=0, ge=0, le=100)
    product_name: Text | None = None
    description: Text | None = None
    comment: Text | None = None
    income_account: str | None = None


class Invoice(Body):
    """POST /invoices."""

    uuid: UUID | None = None
    issue_date: datetime.date
    due_date: datetime.date
    lines: list[Line] = Field(min_length=1)
    our_reference: str | None = None
    your_reference: str | None = None
    order_reference: str | None = None
    customer_id: StrictInt
    bank_account_code: str
    currency: Currency = "NOK"
    invoice_text: Note | None = None
    cash: StrictBool
    payment_account: str | None = None


class UpdateInvoice(Body):
    """PATCH /invoices/{id}."""

    new_due_date: datetime.date | None = None
    sent_manually: StrictBool | None = None


class SendInvoice(Body):
    """POST /invoices/send: the first possible of `method` is used."""

    invoice_id: StrictInt
    method: list[Literal["email", "ehf", "efaktura", "sms", "letter", "auto"]] = Field(min_length=1)
    include_document_attachments: StrictBool
    recipient_name: str | None = None
    recipient_email: str | None = None
    message: str | None = None
    email_send_option: Literal["document_link", "attachment", "auto"] = "auto"
    merge_invoice_and_attachments: StrictBool = False
    organization_number: str | None = None
    mobile_number: str | None = None


class FullCreditNote(Body):
    """POST /creditNotes/full."""

    issue_date: datetime.date
    invoice_id: StrictInt
    credit_note_text: Note | None = None


class PartialCreditNote(Body):
    """POST /creditNotes/partial, of an invoice."""

    issue_date: datetime.date
    invoice_id: StrictInt
    lines: list[Line] = Field(min_length=1)
    our_reference: str | None = None
    your_reference: str | None = None
    order_reference: str | None = None
    currency: Currency = "NOK"
    credit_note_text: Note | None = None

    @field_validator("lines")
    @classmethod
    def _priced_by_unit(cls, lines: list[Line]) -> list[Line]:
        for line in lines:
            if line.unit_price is None:
                raise ValueError("unitPrice is required on a line of a credit note")
            unknown = line.model_fields_set & NOT_ON_A_CREDIT_NOTE
            if unknown:
                raise ValueError(f"unexpected on a line of a credit note: {sorted(unknown)}")
        return lines


class Payment(Body):
    """POST /sales/{id}/payments; `amount` in øre."""

    date: datetime.date
    account: str
    amount: StrictInt = Field(gt=0)
    currency: Currency = "NOK"
    fee: StrictInt | None = None
