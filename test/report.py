"""Adds up JUnit reports: names what failed, and ends with "N passed, N failed".

usage: report.py REPORT.xml...

A report that is missing, can't be read or holds no test counts as one failure, and the end of the log beside it (same name, .log) is
shown. Exit status 1 when anything failed. Tests that say themselves that they can't run here are named as skipped and not counted.
"""
import pathlib
import sys
import xml.etree.ElementTree as ElementTree


def tail(path, lines):
    if path.exists():
        print("\n".join(path.read_text(errors="replace").splitlines()[-lines:]))


def main():
    passed = failed = skipped = 0
    for name in sys.argv[1:]:
        report = pathlib.Path(name)
        try:
            cases = list(ElementTree.parse(report).iter("testcase"))
        except (OSError, ElementTree.ParseError):
            cases = []
        if not cases:
            print(f"FAILED {report.stem}: no results")
            tail(report.with_suffix(".log"), 40)
            failed += 1
            continue
        for case in cases:
            title = f"{report.stem}: {case.get('classname')}: {case.get('name')}"
            # lit and CTest write <failure>; others write <error> for a test that broke before it could fail.
            problem = case.find("failure")
            if problem is None:
                problem = case.find("error")
            skip = case.find("skipped")
            # CTest also calls skipped what it could not start: a program that was not built, for one.
            if skip is not None and case.get("status") == "notrun" and not (skip.get("message") or "").startswith("SKIP_"):
                problem = skip
            if problem is not None:
                failed += 1
                print(f"FAILED {title}")
                text = "\n".join([problem.get("message") or "", problem.text or "", case.findtext("system-out") or ""]).strip()
                print("    " + "\n    ".join(text.splitlines()[-30:]))
            elif skip is not None or case.get("status") == "disabled":
                skipped += 1
                print(f"skipped {title}")
            else:
                passed += 1
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
