"""Small deliveries, written out in full, that the tests change one thing in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

CHILDREN = """case_id,surname,forename,birth_date,sex
K1,Okafor,Ada,2012-03-04,F
K2,Smith,Ben,05/06/2013,M
K3,Nowak,Cyra,2014-07-08,F
"""


def pupil(upn: str, *, extra: str = "", birth_date: str = "2012-03-04") -> str:
    """One pupil of a school census message."""
    return (
        f"<Pupil><UPN>{upn}</UPN><Surname>Okafor</Surname><Forename>Ada</Forename><DOB>{birth_date}</DOB>"
        f"<Sex>F</Sex>{extra}</Pupil>"
    )


def census(
    schools: Mapping[str, Sequence[str]], *, day: str = "2026-01-15", namespace: str = "", collection: str = "SC"
) -> str:
    """A school census message: by LAESTAB, the pupils of each school."""
    blocks = "".join(
        f"<School><LAESTAB>{laestab}</LAESTAB><Pupils>{''.join(pupils)}</Pupils></School>"
        for laestab, pupils in schools.items()
    )
    return (
        f"<?xml version='1.0' encoding='UTF-8'?>\n<Message{namespace}><Header><CollectionDetails>"
        f"<Collection>{collection}</Collection><Term>SPR</Term><Year>2026</Year><ReferenceDate>{day}</ReferenceDate>"
        f"</CollectionDetails><Source><LEA>883</LEA></Source></Header><Schools>{blocks}</Schools></Message>"
    )
