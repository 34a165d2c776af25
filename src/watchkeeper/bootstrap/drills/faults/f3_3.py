"""3.3 no admin sees a real identity: a reading in which one was given names."""

from watchkeeper.bootstrap.drills.faults.model import QUERY, Fault, Stopped

FAULTS = (
    Fault(
        "names read by an admin",
        "3.3",
        (
            "INSERT INTO query_log (id, actor, query, fields, subjects, at) SELECT max(id) + 1, '{admin_alias}', 'payouts', "
            "'name phone', '{farmer_alias}', max(at) FROM query_log",
        ),
        (Stopped("3.3", QUERY, frozenset(["read"]), key="payouts"),),
    ),
)
