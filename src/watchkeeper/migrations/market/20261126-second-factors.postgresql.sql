-- A reset of a second factor ends sessions too: the index over such acts is made anew with it.
DROP INDEX market.journal_by_sessions_ended;
CREATE INDEX journal_by_sessions_ended ON market.journal (subject) WHERE command IN ('change_role', 'suspend_user', 'delete_user', 'end_sessions', 'reset_second_factor', 'reset_password', 'change_password', 'restore_state');
