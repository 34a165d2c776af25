"""What a form asks for, turned into one act of the control room; the sentence that is said afterwards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from watchkeeper.boundary.features import NoSuchFeature, named
from watchkeeper.boundary.gate import Hold, OperationClass, Scope, Switch
from watchkeeper.interfaces.control_base import Actor
from watchkeeper.interfaces.control_room import ControlRoom
from watchkeeper.operation.incidents.cases import Conclusion
from watchkeeper.operation.playbooks.correcting import Difference
from watchkeeper.operation.playbooks.deskwork import DeskRefused

_WHOLE = re.compile(r"-?[0-9]{1,15}")

Fields = Mapping[str, str]
Act = Callable[[ControlRoom, Actor, Fields], str]


def perform(room: ControlRoom, actor: Actor, fields: Fields, *, address: str) -> str:
    """Do what the form says; raises `DeskRefused` or `Refusal`."""
    name = fields.get("action", "")
    if name == "second-factor":
        room.gatekeeper.refresh(actor.session, code=fields.get("code", "").replace(" ", ""), address=address)
        return "Your second factor is fresh for five minutes."
    if fields.get("code"):
        # A form that cures or lifts has a field for the six digits, so that nothing needs two trips.
        room.gatekeeper.refresh(actor.session, code=fields["code"].replace(" ", ""), address=address)
        actor = room.actor_again(actor)
    if name not in ACTS:
        raise DeskRefused("validation-failed", "There is no such action.")
    return ACTS[name](room, actor, fields)


def _number(fields: Fields, name: str) -> int:
    text = fields.get(name, "").strip().replace(",", "")
    if not _WHOLE.fullmatch(text):
        raise DeskRefused("validation-failed", f"{name} must be a whole number.")
    return int(text)


def _acknowledge_alert(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    number = _number(fields, "alert")
    room.acknowledge_alert(actor, number, next_step=fields.get("next_step", ""))
    return f"Alert {number} is acknowledged."


def _conclude(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.desk.conclude(
        _number(fields, "run"), fields.get("step", ""), text=fields.get("reason", ""), operator=actor.operator
    )
    return "Your conclusion is kept with the evidence."


def _repair(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    room.desk.repair(
        run,
        _number(fields, "finding"),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The sealed bytes are back."


def _acknowledge(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    room.desk.acknowledge(
        run,
        _number(fields, "finding"),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The row is acknowledged as it stands."


def _correct(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    account, bucket, amount = (
        fields.get("account", ""),
        fields.get("bucket", ""),
        _number(fields, "amount_ugx"),
    )
    if "predicted" not in fields:
        raise DeskRefused("resumption-refused", _prediction(room, account, bucket, amount))
    receipt = room.desk.correct(
        run,
        account=account,
        bucket=bucket,
        amount_ugx=amount,
        predicted=_number(fields, "predicted"),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return f"Corrected, as predicted ({receipt.utid})."


def _explain_payment(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    provider, reference, bucket = (fields.get(name, "") for name in ("provider", "reference", "bucket"))
    difference: Difference | None = None
    if bucket:
        amount = _number(fields, "amount_ugx")
        if not fields.get("predicted", "").strip():
            known = room.desk.transfers(provider=provider, reference=reference)
            account = next((one.account for one in known if one.account is not None), "")
            raise DeskRefused("resumption-refused", _prediction(room, account, bucket, amount))
        difference = Difference(bucket, amount, _number(fields, "predicted"))
    receipt = room.explain_payment(
        actor,
        provider=provider,
        reference=reference,
        reason=fields.get("reason", ""),
        said_ugx=_number(fields, "said") if fields.get("said") else None,
        difference=difference,
        incident=fields.get("incident", ""),
    )
    return "It had been explained already." if receipt is None else f"Explained ({receipt.utid})."


def _waive(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    correction = fields.get("correction", "")
    receipt = room.desk.waive(correction, reason=fields.get("reason", ""), operator=actor.operator)
    return f"Waived ({receipt.utid})."


def _prediction(room: ControlRoom, account: str, bucket: str, amount_ugx: int) -> str:
    found = room.desk.predict(account=account, bucket=bucket, amount_ugx=amount_ugx)
    before, after, rest = (found[part][bucket] for part in ("before", "after", "unrecovered"))
    left = f" {rest:,} are not there any more and stay unrecovered." if rest else ""
    return (
        f"Prediction: {bucket} of {account} goes from {before:,} to {after:,}.{left} "
        f"Enter {after} as predicted to confirm."
    )


def _unwind(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    room.desk.unwind(
        run,
        position_utid=fields.get("position", ""),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The position is ended and its amount given back."


def _restore_state(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    room.desk.restore_state(
        run,
        _number(fields, "finding"),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The state is what its rows give again."


def _restore_defences(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    run = _number(fields, "run")
    receipt = room.desk.restore_defences(
        run,
        fields.get("step", ""),
        incident=room.incident_of_run(run),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    changed = receipt.answer.get("changed")
    return (
        f"The defences are as they were made ({len(changed) if isinstance(changed, list) else 0} put back)."
    )


def _probe(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.desk.probe(_number(fields, "run"), fields.get("step", ""), operator=actor.operator)
    return "Every switch bites."


def _verify(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.desk.verify(_number(fields, "run"), fields.get("step", ""), operator=actor.operator)
    return "The same check holds again."


def _lift(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.desk.lift(
        _number(fields, "run"),
        fields.get("step", ""),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The restriction is lifted."


def _override(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.desk.override(
        _number(fields, "run"),
        fields.get("step", ""),
        reason=fields.get("reason", ""),
        operator=actor.operator,
    )
    return "The step is overridden; that stays on record."


def _document(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    incident = room.document(
        actor,
        _number(fields, "run"),
        fields.get("step", ""),
        conclusion=Conclusion(
            cause=fields.get("cause", ""),
            response=fields.get("response", ""),
            resolution=fields.get("resolution", ""),
            prevention=fields.get("prevention", ""),
            analysis=fields.get("analysis", ""),
        ),
    )
    return f"{incident} is documented."


def _switch(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    try:
        switch = Switch(fields.get("switch", ""))
        hold = Hold(fields["hold"]) if fields.get("hold") else None
    except ValueError as error:
        raise DeskRefused("validation-failed", "There is no such switch or hold.") from error
    action = fields.get("turn", "")
    room.flip(actor, switch=switch, action=action, reason=fields.get("reason", ""), hold=hold)
    return f"{switch.value.replace('_', ' ')}: {action} is in force."


def _turn_feature(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    try:
        feature = named(fields.get("feature", ""))
    except NoSuchFeature as error:
        raise DeskRefused("validation-failed", str(error)) from error
    turn = fields.get("turn", "")
    if turn not in ("on", "off"):
        raise DeskRefused("validation-failed", "A feature is turned on or off.")
    turned = room.turn_feature(actor, feature=feature, on=turn == "on", reason=fields.get("reason", ""))
    name = feature.name.replace("_", " ")
    return f"{name} is {turn} already." if turned is None else f"{name} is {turn}, in force."


def _restrict(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    try:
        scope = Scope.parse(fields.get("scope", "").strip())
        classes = frozenset(
            OperationClass(name) for name in fields.get("classes", "").replace(",", " ").split()
        )
    except ValueError as error:
        raise DeskRefused("validation-failed", str(error)) from error
    if not classes:
        raise DeskRefused("validation-failed", "Name at least one class to stop.")
    restriction = room.impose(actor, scope=scope, classes=classes, reason=fields.get("reason", ""))
    return f"Restriction {restriction.id} is in force."


def _lift_own(room: ControlRoom, actor: Actor, fields: Fields) -> str:
    room.lift(actor, _number(fields, "restriction"), reason=fields.get("reason", ""))
    return "The restriction is lifted."


def _full_pass(room: ControlRoom, actor: Actor, _: Fields) -> str:
    room.ask_full_pass(reason=f"asked for by {actor.operator.alias}")
    return "A full pass is asked for."


#: What the page's forms may ask for, by the name of the action.
ACTS: Mapping[str, Act] = {
    "acknowledge-alert": _acknowledge_alert,
    "conclude": _conclude,
    "repair": _repair,
    "acknowledge": _acknowledge,
    "correct": _correct,
    "explain-payment": _explain_payment,
    "waive": _waive,
    "unwind": _unwind,
    "restore-state": _restore_state,
    "restore-defences": _restore_defences,
    "probe": _probe,
    "verify": _verify,
    "lift": _lift,
    "override": _override,
    "document": _document,
    "switch": _switch,
    "turn-feature": _turn_feature,
    "restrict": _restrict,
    "lift-own": _lift_own,
    "full-pass": _full_pass,
}
