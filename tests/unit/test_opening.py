"""agent.opening: one way to the database, and none that forgets."""

import secrets
import sys

import pytest

from agent.clock import ManualClock
from agent.errors import StoreDamaged
from agent.opening import Place, open_outbox


class Keys:
    def __init__(self):
        self.secret = secrets.token_bytes(32)
        self.asked = []

    def next_data_key(self, *, create):
        return None

    def data_key(self, *, create):
        self.asked.append(create)
        return self.secret


def opened(path, keys):
    return open_outbox(path, keys=keys, clock=ManualClock(), answer_within_s=20)


def test_a_data_key_may_be_made_for_an_empty_place_only(tmp_path):
    keys = Keys()
    opened(tmp_path / "outbox.db", keys).close()
    opened(tmp_path / "outbox.db", keys).close()
    assert keys.asked == [True, False]


def test_a_database_that_was_moved_aside_is_never_followed_by_an_empty_one(tmp_path):
    path, keys = tmp_path / "outbox.db", Keys()
    opened(path, keys).close()
    path.write_bytes(b"not a database at all" * 400)
    with pytest.raises(StoreDamaged):
        opened(path, keys)
    with pytest.raises(StoreDamaged, match="损坏"):
        opened(path, keys)
    assert not path.exists()


def test_a_person_who_moves_the_remains_away_may_begin_anew(tmp_path):
    path, keys = tmp_path / "outbox.db", Keys()
    (tmp_path / "outbox.db.damaged-20260101T090000").write_bytes(b"remains")
    with pytest.raises(StoreDamaged):
        opened(path, keys)
    (tmp_path / "outbox.db.damaged-20260101T090000").rename(tmp_path / "elsewhere")
    opened(path, keys).close()
    assert path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no open file")
def test_a_database_has_left_when_its_folder_was_moved_or_another_one_took_its_place(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    path = folder / "outbox.db"
    path.write_bytes(b"one")
    place = Place(path)
    assert not place.left()
    folder.rename(tmp_path / "elsewhere")
    assert place.left()
    folder.mkdir()
    path.write_bytes(b"another")
    assert place.left()
    path.unlink()
    (tmp_path / "elsewhere" / "outbox.db").rename(path)
    assert not place.left()
