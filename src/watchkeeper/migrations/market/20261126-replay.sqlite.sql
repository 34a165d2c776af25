-- What an account's state row follows from beyond its own history: acts that ended its sessions, and cures of that history.
CREATE INDEX journal_by_sessions_ended ON journal (subject) WHERE command IN ('change_role', 'suspend_user', 'delete_user', 'end_sessions', 'reset_password', 'change_password', 'restore_state');
CREATE INDEX repairs_by_row ON repairs (table_name, row_key);
