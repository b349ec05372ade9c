"""What is known of files can be added to, and is asked for again once a file has changed."""

from __future__ import annotations

from train_core.facts.file_cache import known_of, recall, revise


def test_what_is_known_of_a_file_is_added_to(tmp_path):
    database, path, other = tmp_path / "known.sqlite", tmp_path / "a.txt", tmp_path / "b.txt"
    path.write_text("a")
    other.write_text("b")
    asked = []

    def more(found, known):
        asked.append((found.name, known))
        return None if found == other else f"{known or ''}+"

    assert revise([path, other], "kind", more, database) == {path: "+"}
    assert revise([path], "kind", more, database) == {path: "++"}
    assert asked == [("a.txt", None), ("b.txt", None), ("a.txt", "+")]
    assert known_of(path, "kind", database) == "++" and known_of(other, "kind", database) is None
    assert recall([path], "another kind", lambda _: "x", database) == {path: "x"}
    path.write_text("changed")
    assert known_of(path, "kind", database) is None
    assert revise([path], "kind", more, database) == {path: "+"}


def test_a_file_that_is_gone_is_asked_about_and_not_kept(tmp_path):
    gone, database = tmp_path / "gone.txt", tmp_path / "known.sqlite"
    assert revise([gone], "kind", lambda *_: "nothing there", database) == {gone: "nothing there"}
    assert known_of(gone, "kind", database) is None
