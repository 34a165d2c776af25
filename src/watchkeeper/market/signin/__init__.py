"""Who people are and how they prove it: enrolment, passwords, second factors, sessions. Nothing here reaches the books."""
