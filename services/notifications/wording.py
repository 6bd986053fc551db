"""What our mails say, in English and Norwegian (bokmål): data, no logic.

Values in braces come from the fact; they are escaped where the mail is HTML.
"""

from dataclasses import dataclass
from typing import Literal

from contracts.private import Language

TemplateName = Literal[
    "verify_email",
    "change_email",
    "reset_password",
    "invitation",
    "welcome",
    "sign_up_repeated",
    "password_changed",
    "email_changed",
    "signed_in_elsewhere",
    "impersonation",
]


@dataclass(frozen=True)
class Wording:
    """One mail in one language; `button` labels the link if there is one."""

    subject: str
    greeting: str
    paragraphs: tuple[str, ...]
    button: str | None = None
    closing: str = ""


ROLES: dict[Language, dict[str, str]] = {
    "en": {"admin": "administrator", "member": "member", "owner": "owner"},
    "nb": {"admin": "administrator", "member": "medlem", "owner": "eier"},
}
FOOTER: dict[Language, str] = {
    "en": "You receive this because of your account at AI Studio ({{ brand.workspace_name }}).",
    "nb": "Du får denne fordi du har en konto hos AI Studio ({{ brand.workspace_name }}).",
}
UNKNOWN: dict[Language, str] = {"en": "unknown", "nb": "ukjent"}
MONTHS: dict[Language, tuple[str, ...]] = {
    "en": (
        *("January", "February", "March", "April", "May", "June", "July", "August"),
        *("September", "October", "November", "December"),
    ),
    "nb": (
        *("januar", "februar", "mars", "april", "mai", "juni", "juli", "august"),
        *("september", "oktober", "november", "desember"),
    ),
}
DATE: dict[Language, str] = {
    "en": "{day} {month} {year} at {time} (Oslo time)",
    "nb": "{day}. {month} {year} kl. {time}",
}

HELLO_EN, HELLO_NB = "Hello {{ name }},", "Hei {{ name }},"
NOT_YOU_EN = "If this was not you, you need not do anything: without the link nothing happens."
NOT_YOU_NB = "Var det ikke deg, trenger du ikke gjøre noe: uten lenken skjer det ingenting."
SECURE_EN = "If this was not you, choose a new password at once and write to our support."
SECURE_NB = "Var det ikke deg, velg et nytt passord med en gang og skriv til kundestøtten vår."

WORDINGS: dict[TemplateName, dict[Language, Wording]] = {
    "verify_email": {
        "en": Wording(
            "Confirm your e-mail address",
            HELLO_EN,
            ("Please confirm that this address is yours. The link works until {{ expires }}.",),
            "Confirm address",
            NOT_YOU_EN,
        ),
        "nb": Wording(
            "Bekreft e-postadressen din",
            HELLO_NB,
            ("Bekreft at denne adressen er din. Lenken virker til {{ expires }}.",),
            "Bekreft adressen",
            NOT_YOU_NB,
        ),
    },
    "change_email": {
        "en": Wording(
            "Confirm your new e-mail address",
            HELLO_EN,
            (
                "You want to use this address for AI Studio from now on.",
                "Your present address counts until you confirm. The link works until "
                "{{ expires }}, and you sign in again afterwards.",
            ),
            "Use this address",
            NOT_YOU_EN,
        ),
        "nb": Wording(
            "Bekreft den nye e-postadressen din",
            HELLO_NB,
            (
                "Du vil bruke denne adressen hos AI Studio fra nå av.",
                "Den gamle adressen gjelder til du bekrefter. Lenken virker til {{ expires }}, "
                "og etterpå logger du inn på nytt.",
            ),
            "Bruk denne adressen",
            NOT_YOU_NB,
        ),
    },
    "reset_password": {
        "en": Wording(
            "Choose a new password",
            HELLO_EN,
            (
                "Somebody, probably you, asked for a new password. The link works once, until "
                "{{ expires }}.",
            ),
            "Choose a new password",
            NOT_YOU_EN,
        ),
        "nb": Wording(
            "Velg et nytt passord",
            HELLO_NB,
            (
                "Noen, sannsynligvis du, ba om et nytt passord. Lenken virker én gang, til "
                "{{ expires }}.",
            ),
            "Velg nytt passord",
            NOT_YOU_NB,
        ),
    },
    "invitation": {
        "en": Wording(
            "{{ name }} invites you to {{ brand.workspace_name }}",
            "Hello,",
            (
                "{{ name }} invites you to work in {{ brand.workspace_name }} as {{ role }}. "
                "The invitation is for this address and open until {{ expires }}.",
            ),
            "See the invitation",
            "If you do not know the sender, you need not do anything.",
        ),
        "nb": Wording(
            "{{ name }} inviterer deg til {{ brand.workspace_name }}",
            "Hei,",
            (
                "{{ name }} inviterer deg til å arbeide i {{ brand.workspace_name }} som "
                "{{ role }}. Invitasjonen gjelder denne adressen og er åpen til {{ expires }}.",
            ),
            "Se invitasjonen",
            "Kjenner du ikke avsenderen, trenger du ikke gjøre noe.",
        ),
    },
    "welcome": {
        "en": Wording(
            "Welcome to AI Studio",
            HELLO_EN,
            (
                "Your address is confirmed, and {{ brand.workspace_name }} is ready.",
                "Upload the photos of a home, choose a style, and see what becomes of them.",
            ),
            "Start a project",
        ),
        "nb": Wording(
            "Velkommen til AI Studio",
            HELLO_NB,
            (
                "Adressen din er bekreftet, og {{ brand.workspace_name }} er klar.",
                "Last opp bildene av en bolig, velg en stil, og se hva det blir til.",
            ),
            "Start et prosjekt",
        ),
    },
    "sign_up_repeated": {
        "en": Wording(
            "You already have an account",
            HELLO_EN,
            (
                "Somebody, probably you, tried to sign up with this address. You have an account "
                "already: sign in, or choose a new password if you have forgotten it.",
            ),
            "Sign in",
            "If this was not you, you need not do anything.",
        ),
        "nb": Wording(
            "Du har allerede en konto",
            HELLO_NB,
            (
                "Noen, sannsynligvis du, prøvde å registrere seg med denne adressen. Du har "
                "allerede en konto: logg inn, eller velg et nytt passord om du har glemt det.",
            ),
            "Logg inn",
            "Var det ikke deg, trenger du ikke gjøre noe.",
        ),
    },
    "password_changed": {
        "en": Wording(
            "Your password was changed",
            HELLO_EN,
            ("Your password was changed, and other sessions were signed out.", SECURE_EN),
        ),
        "nb": Wording(
            "Passordet ditt er endret",
            HELLO_NB,
            ("Passordet ditt er endret, og andre økter er logget ut.", SECURE_NB),
        ),
    },
    "email_changed": {
        "en": Wording(
            "Your e-mail address was changed",
            HELLO_EN,
            ("Your account now uses another address; this one no longer signs in.", SECURE_EN),
        ),
        "nb": Wording(
            "E-postadressen din er endret",
            HELLO_NB,
            ("Kontoen din bruker nå en annen adresse; denne gjelder ikke lenger.", SECURE_NB),
        ),
    },
    "signed_in_elsewhere": {
        "en": Wording(
            "New sign-in to your account",
            HELLO_EN,
            (
                "Somebody signed in to your account on {{ occurred }}.",
                "Address: {{ ip_address }}. Browser: {{ user_agent }}.",
                SECURE_EN,
            ),
        ),
        "nb": Wording(
            "Ny innlogging på kontoen din",
            HELLO_NB,
            (
                "Noen logget inn på kontoen din {{ occurred }}.",
                "Adresse: {{ ip_address }}. Nettleser: {{ user_agent }}.",
                SECURE_NB,
            ),
        ),
    },
    "impersonation": {
        "en": Wording(
            "Our support is looking at your account",
            HELLO_EN,
            (
                "An administrator of AI Studio sees what you see until {{ until }} at the latest.",
                "The reason they gave: {{ reason }}",
                "Meanwhile they cannot pay, delete, or change passwords, addresses and roles; "
                "when they began and stopped, and everything they change, is in your "
                "workspace's log.",
            ),
        ),
        "nb": Wording(
            "Kundestøtten vår ser på kontoen din",
            HELLO_NB,
            (
                "En administrator hos AI Studio ser det du ser, senest til {{ until }}.",
                "Begrunnelsen: {{ reason }}",
                "Så lenge kan vedkommende ikke betale, slette eller endre passord, adresser og "
                "roller; når det begynte og sluttet, og alt som endres, står i loggen til "
                "arbeidsområdet.",
            ),
        ),
    },
}
