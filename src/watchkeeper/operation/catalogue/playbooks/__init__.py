"""The playbooks, by number. A test compares this index with the folder."""

from watchkeeper.operation.catalogue.playbooks import (
    p1_balance,
    p2_entries,
    p6_exposure,
    p7_pilot_mode,
    p10_orphans,
    p11_authorization,
    p12_immutability,
    p13_half_working,
    p14_autonomous_act,
    p15_states,
)
from watchkeeper.operation.catalogue.playbooks.model import Playbook

PLAYBOOKS: dict[str, Playbook] = {
    module.PLAYBOOK.id: module.PLAYBOOK
    for module in (
        p1_balance,
        p2_entries,
        p6_exposure,
        p7_pilot_mode,
        p10_orphans,
        p11_authorization,
        p12_immutability,
        p13_half_working,
        p15_states,
        p14_autonomous_act,
    )
}
