"""What is said at the start when the functions do not load: the fault first, then where firebase-tools ended.

firebase-tools prints the Python worker's stderr line by line and then its own error (src/deploy/functions/runtimes/
discovery/index.ts: "User code failed to load. Cannot determine backend specification").
"""

from devtools.loading import why_not_loaded

TRACEBACK = """\
i  functions: Watching "/tmp/run-1/functions" for Cloud Functions...
>  Traceback (most recent call last):
>    File "/tmp/run-1/functions/venv/lib/python3.13/site-packages/functions_framework/__init__.py", line 9, in serve
>    File "/tmp/run-1/functions/main.py", line 12, in <module>
>      from backend.wiring import wired_backend
>    File "/tmp/run-1/functions/backend/records/layouts.py", line 88, in <module>
>      check(LAYOUTS)
>    File "/tmp/run-1/functions/venv/lib/python3.13/site-packages/other.py", line 3, in inner
>  ValueError: Account.credit: 'POST /x': an action runs custom/flow/NAME
!!  functions: Failed to load function definition from source: FirebaseError: User code failed to load.""".splitlines()
AFTER = [f"i  emulators: line {n}" for n in range(30)]


def test_the_fault_comes_first_with_the_projects_own_line() -> None:
    said = why_not_loaded([*TRACEBACK, *AFTER]).splitlines()
    assert said[:2] == [
        "the functions did not load: ValueError: Account.credit: 'POST /x': an action runs custom/flow/NAME",
        "  (functions/backend/records/layouts.py, line 88)",
    ]
    assert said[-1] == "i  emulators: line 29"
    assert len(said) == 2 + 15


def test_an_error_without_a_text_or_of_a_module_is_one_too() -> None:
    for line in ("NotImplementedError", "google.auth.exceptions.DefaultCredentialsError: none"):
        assert why_not_loaded([line]).startswith(f"the functions did not load: {line}\n")


def test_a_word_that_is_no_fault_and_no_traceback_leaves_the_last_lines() -> None:
    lines = ["functions: FirebaseError: User code failed to load.", "all is well", *AFTER]
    assert why_not_loaded(lines) == "the functions did not load:\n" + "\n".join(lines[-15:])
