"""Every way in which goods, money or authority move: one frozen dataclass each.

A command says what is wanted, in whole shillings and grams, and nothing about who may; that is
decided by the rules inside the transaction that writes. `classes` are what can stop it, `roles`
who may ask for it.
"""

from watchkeeper.market.commands.accounts import (
    AccountAct,
    ActivateUser,
    ChangePassword,
    ChangeRole,
    DeleteUser,
    EndSessions,
    InviteUser,
    IssueReset,
    OwnSessionsEnd,
    ResetPassword,
    ResetSecondFactor,
    SetPhase,
    SuspendUser,
    UnsuspendUser,
)
from watchkeeper.market.commands.base import (
    Act,
    Answer,
    Command,
)
from watchkeeper.market.commands.cures import (
    Acknowledge,
    Correct,
    Cure,
    CureReversal,
    CureVerification,
    ExplainPayment,
    Repair,
    RestoreDefences,
    RestoreState,
    WaiveUnrecovered,
)
from watchkeeper.market.commands.goods import (
    CancelPurchase,
    ConfirmPickup,
    ExpirePurchase,
    FormBlock,
    Purchase,
    StorageFee,
    WriteOff,
    WriteOffBlock,
)
from watchkeeper.market.commands.money import (
    Deposit,
    Payout,
    Withdraw,
)
from watchkeeper.market.commands.reconciled import (
    Reconcile,
    ReconcilePart,
)
from watchkeeper.market.commands.told import (
    RecordFlip,
    SendNotice,
)
from watchkeeper.market.commands.trade import (
    AnswerOffer,
    CancelListing,
    CreateListing,
    ExpireOffer,
    MakeOffer,
    PayToLock,
    RemoveListing,
    ReverseLock,
    VerifyDelivery,
    WithdrawOffer,
)

__all__ = [
    "AccountAct",
    "Acknowledge",
    "Act",
    "ActivateUser",
    "Answer",
    "AnswerOffer",
    "CancelListing",
    "CancelPurchase",
    "ChangePassword",
    "ChangeRole",
    "Command",
    "ConfirmPickup",
    "Correct",
    "CreateListing",
    "Cure",
    "CureReversal",
    "CureVerification",
    "DeleteUser",
    "Deposit",
    "EndSessions",
    "ExpireOffer",
    "ExpirePurchase",
    "ExplainPayment",
    "FormBlock",
    "InviteUser",
    "IssueReset",
    "MakeOffer",
    "OwnSessionsEnd",
    "PayToLock",
    "Payout",
    "Purchase",
    "Reconcile",
    "ReconcilePart",
    "RecordFlip",
    "RemoveListing",
    "Repair",
    "ResetPassword",
    "ResetSecondFactor",
    "RestoreDefences",
    "RestoreState",
    "ReverseLock",
    "SendNotice",
    "SetPhase",
    "StorageFee",
    "SuspendUser",
    "UnsuspendUser",
    "VerifyDelivery",
    "WaiveUnrecovered",
    "Withdraw",
    "WithdrawOffer",
    "WriteOff",
    "WriteOffBlock",
]
