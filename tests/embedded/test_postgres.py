"""The embedded PostgreSQL is there for whoever holds it, and gone after the last one, however that ended."""

import os
import signal
import stat
import threading
from pathlib import Path

import pytest

from embedded import cluster, postgres
from embedded.places import Places


def test_it_starts_cold_stops_and_starts_warm_with_the_same_data(world, until, run_sql):
    first = world.hold()
    url = first.up()
    run_sql(url, "drop table if exists kept; create table kept as select '云海' as name")
    assert world.processes().keys() == {"supervisor", "second", "postmaster"}
    first.leave()
    until(world.stopped)

    second = world.hold()
    assert second.up() == url
    assert run_sql(url, "select name from kept") == "云海"
    assert run_sql(url, "show max_connections") == "200"
    assert run_sql(url, "show listen_addresses") == ""


def test_chinese_text_has_trigrams_and_case_follows_unicode(own, run_sql):
    url = own.hold().up()
    run_sql(url, "create extension if not exists pg_trgm")
    assert len(run_sql(url, "select show_trgm('水墨')")) == 3
    assert run_sql(url, "select upper('straße' collate pg_unicode_fast)") == "STRASSE"
    assert run_sql(url, "select datlocale from pg_database where datname = 'postgres'") == "PG_UNICODE_FAST"


def test_who_waits_for_the_end_knows_when_it_came(own):
    first, second = own.hold(), own.hold()
    first.up()
    second.up()
    first.leave()
    assert postgres.wait_until_stopped(own.places().folder) is False
    second.leave()
    assert postgres.wait_until_stopped(own.places().folder) is True
    assert own.stopped()


def test_four_processes_at_once_make_one_server(world, until):
    holders = [world.hold("new") for _ in range(4)]
    assert len({holder.up() for holder in holders}) == 1
    assert world.places("new").log.read_text().count("starting PostgreSQL") == 1
    for holder in holders[:3]:
        holder.leave()
    assert world.processes("new").keys() == {"supervisor", "second", "postmaster"}
    holders[3].leave()
    until(lambda: world.stopped("new"))


def test_it_stays_while_one_holds_it_and_stops_after_kill_9_of_the_last(world, until, run_sql):
    first, second = world.hold(), world.hold()
    url = first.up()
    second.up()
    first.kill()
    assert run_sql(url, "select 1") == 1
    second.kill()
    until(world.stopped)
    assert "database system is shut down" in world.places().log.read_text()


def test_a_server_whose_supervisor_was_killed_gets_the_next_holders(world, until, run_sql):
    first = world.hold()
    url = first.up()
    before = world.processes()
    world.kill_supervisors()
    assert world.processes() == {"postmaster": before["postmaster"]}
    second = world.hold()
    assert second.up() == url
    after = world.processes()
    assert after["postmaster"] == before["postmaster"]
    assert after["supervisor"] != before["supervisor"]
    first.kill()
    assert run_sql(url, "select 1") == 1
    second.kill()
    until(world.stopped)


def test_a_holder_that_leaves_sees_to_a_server_without_supervisor(own, until):
    holder = own.hold()
    holder.up()
    own.kill_supervisors()
    holder.leave()
    until(lambda: not own.processes())
    assert own.stopped()


def test_an_orphan_of_holder_and_supervisor_is_found_and_stopped_by_the_next(own, until, run_sql):
    first = own.hold()
    url = first.up()
    run_sql(url, "drop table if exists kept; create table kept as select 7 as n")
    before = own.processes()
    own.kill_supervisors()
    first.kill()
    second = own.hold()
    assert second.up() == url
    assert own.processes()["postmaster"] == before["postmaster"]
    assert run_sql(url, "select n from kept") == 7
    second.leave()
    until(own.stopped)


def test_the_one_that_stands_by_stops_a_server_whose_holder_and_supervisor_were_killed(world, until):
    holder = world.hold()
    holder.up()
    os.kill(world.processes()["supervisor"], signal.SIGKILL)
    holder.kill()
    until(world.stopped)
    until(lambda: world.processes() == {})
    assert "database system is shut down" in world.places().log.read_text()


def test_what_was_committed_survives_kill_9_of_everything(own, until, run_sql):
    first = own.hold(durable=True)
    url = first.up()
    run_sql(url, "drop table if exists kept; create table kept as select generate_series(1, 1000) as n")
    found = own.processes()
    for number in (found["second"], found["supervisor"], first.process.pid, found["postmaster"]):
        os.kill(number, signal.SIGKILL)
    second = own.hold(durable=True)
    assert second.up() == url
    assert run_sql(url, "select sum(n) from kept") == 500_500
    assert "automatic recovery in progress" in own.places().log.read_text()


def test_a_pid_file_that_names_a_stranger_does_not_stop_it(own, until):
    holder = own.hold()
    holder.up()
    pid_file = own.places().pid_file
    left_by_a_crash = pid_file.read_text().splitlines()
    holder.leave()
    until(own.stopped)
    left_by_a_crash[0] = str(os.getpid())
    pid_file.write_text("\n".join(left_by_a_crash) + "\n")
    own.places().socket.with_name(".s.PGSQL.5432.lock").write_text("\n".join(left_by_a_crash) + "\n")
    assert not postgres.running(own.places().folder)
    own.hold().up()
    assert postgres.running(own.places().folder)


def test_two_folders_at_once_never_mix(ordinary, until, run_sql):
    names = ["a/b", "a-b/" + "long" * 30]  # the second path is too long for a socket
    urls = []
    for name in names:
        (ordinary.top / name).parent.mkdir(parents=True)
        os.chown((ordinary.top / name).parent, ordinary.uid, -1)
        urls.append(ordinary.hold(name).up())
        run_sql(urls[-1], f"create table here as select '{name}' as name")
    assert [run_sql(url, "select name from here") for url in urls] == names
    sockets = [ordinary.places(name).socket_folder for name in names]
    assert all(stat.S_IMODE(folder.stat().st_mode) == 0o700 for folder in sockets)
    assert all(len(os.fsencode(folder)) <= 85 for folder in sockets)


def test_paths_that_read_alike_have_databases_of_their_own():
    folders = [Path("/srv/a/b/c"), Path("/srv/a-b/c"), Path("/srv/a/b-c")]
    assert len({Places._of_root(folder).home for folder in folders}) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user's data lies in the folder itself")
def test_root_leaves_permissions_alone_and_a_deleted_folder_starts_empty(own, until, run_sql):
    own.top.chmod(0o700)
    holder = own.hold("deleted")
    run_sql(holder.up(), "create table of_before ()")
    assert stat.S_IMODE(own.top.stat().st_mode) == 0o700
    mark = own.places("deleted").folder / "mark"
    assert list(own.places("deleted").folder.iterdir()) == [mark]

    mark.unlink()
    assert "was deleted or replaced while its database is in use" in own.hold("deleted").refused()
    holder.leave()
    until(lambda: own.stopped("deleted"))
    url = own.hold("deleted").up()
    assert run_sql(url, "select to_regclass('of_before')") is None
    assert (own.places("deleted").home / "data.before").is_dir()


def test_each_refusal_is_one_sentence_that_names_folder_and_log(own, until):
    places = own.places()
    holder = own.hold()
    holder.up()
    holder.leave()
    until(own.stopped)

    def refusal() -> str:
        sentence = own.hold().refused()
        assert sentence.startswith(f"The embedded PostgreSQL in {places.folder} did not start: ")
        assert sentence.endswith(f" (log: {places.log}).")
        until(own.stopped)
        return sentence

    version = places.data / "PG_VERSION"
    version.write_text("15\n")
    assert "its data was written by PostgreSQL 15 and this is PostgreSQL 18" in refusal()
    version.unlink()
    assert "its data folder is damaged, PG_VERSION is missing" in refusal()
    version.write_text("18\n")
    control = places.data / "global" / "pg_control"
    control.rename(places.data / "elsewhere")
    assert "could not find the database system" in refusal()
    (places.data / "elsewhere").rename(control)
    own.hold().up()


def test_no_space_is_said_before_anything_is_written(own, monkeypatch):
    monkeypatch.setattr(cluster, "NEW_DATA_MIN_BYTES", 1 << 60)
    with pytest.raises(postgres.UnableToStart, match="there is no space left for it, a new database needs"):
        with postgres.server(own.places("full").folder):
            pytest.fail("it started")
    assert not own.places("full").data.exists()
    said = "LOG:  x\nFATAL:  could not write lock file: No space left on device\n"
    assert cluster.reason(said) == "there is no space left on its disk"


def test_a_database_is_created_once_however_many_ask(own):
    own.hold().up()
    server = postgres.Server(own.places().socket_folder)
    created: list[bool] = []
    threads = [
        threading.Thread(target=lambda: created.append(postgres.ensure_database(server, 'odd "name"')))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(created) == [False, False, False, True]
    assert postgres.ensure_database(server, 'odd "name"') is False


def test_nothing_is_removed_that_is_in_use_and_nothing_stays_afterwards(world, until):
    places = world.places()
    holder = world.hold()
    holder.up()
    with pytest.raises(postgres.UnableToRemove, match="it is in use"):
        postgres.remove(places.folder)
    assert places.data.is_dir()
    assert world.processes().keys() == {"supervisor", "second", "postmaster"}
    os.kill(world.processes()["supervisor"], signal.SIGKILL)
    holder.kill()
    assert postgres.remove(places.folder) is True
    assert world.stopped()
    assert not places.home.exists()
    assert not places.folder.exists()
    assert postgres.remove(places.folder) is False
