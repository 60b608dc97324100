"""Acts on how the operator shows who he is: the authenticator, and signing in at the web page."""

from __future__ import annotations

from cockpit.operator.act import Act, Danger, Kind, TotpDue, When, may, need

TOTP_STATUS = Act(
    "totp.status",
    "totp status",
    "Say whether codes of an authenticator are asked for, and how many backup codes are left",
    changes=False,
    when=When.COMMAND_LINE,
)
TOTP_ENROLL = Act(
    "totp.enroll",
    "totp enroll",
    "Enrol an authenticator: shows its secret; the first right code finishes it",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
    finished_by="totp.confirm",
)
TOTP_CONFIRM = Act(
    "totp.confirm",
    "totp confirm",
    "Finish enrolling with the first code; shows ten backup codes, once",
    arguments=(need("code", "The six digits that the authenticator shows"),),
    when=When.COMMAND_LINE,
)
TOTP_BACKUP = Act(
    "totp.backup",
    "totp backup",
    "Make ten new backup codes; the old ones end",
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
TOTP_REMOVE = Act(
    "totp.remove",
    "totp remove",
    "Ask for no codes any more",
    Danger.TWO_STEPS,
    (may("lost", "Without a code, while no cockpit runs: phone and backup codes are lost", Kind.FLAG),),
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_STATUS = Act(
    "web.status",
    "web status",
    "Say how it stands with signing in at the web page: password, passkeys, sessions",
    changes=False,
    when=When.COMMAND_LINE,
)
WEB_ENROLL = Act(
    "web.enroll",
    "web enroll",
    "Show a link, once good within ten minutes, under which a browser makes a passkey",
    Danger.TWO_STEPS,
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_PASSWORD = Act(
    "web.password",
    "web password",
    "Set the password of the web page; it counts beside an authenticator alone",
    Danger.TWO_STEPS,
    (need("password", "The password, of 12 to 128 characters", Kind.SECRET),),
    when=When.COMMAND_LINE,
    totp=TotpDue.ALWAYS,
)
WEB_REMOVE = Act(
    "web.remove",
    "web remove",
    "Let a passkey, or the password, sign nobody in any more; every browser is signed out",
    arguments=(need("what", "Name of the passkey, or the word password"),),
    when=When.COMMAND_LINE,
)
WEB_SIGN_OUT = Act(
    "web.sign_out",
    "web logout",
    "Sign every browser out",
    when=When.COMMAND_LINE,
)
WEB_UNLOCK = Act(
    "web.unlock",
    "web unlock",
    "Open signing in by password again, after too many tries went wrong",
    Danger.TWO_STEPS,
    when=When.COMMAND_LINE,
    totp=TotpDue.FOR_RISK,
)
