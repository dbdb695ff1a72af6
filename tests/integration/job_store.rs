//! The jobs of a store, each test once in a file of SQLite and once in the PostgreSQL server of `tests/postgres.sh`.

use std::collections::BTreeSet;
use std::time::Duration;

use codif::store::Store;
use codif::store::job::{Job, JobId, JobState, Progress};
use codif::store::jobs::{Jobs, MOST_ATTEMPTS, Order};
use codif::store::location::StoreLocation;
use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;

const LEASE: Duration = Duration::from_secs(30);

/// A time, in seconds after one that is no matter.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

/// Puts a job in the queue that is like no other.
async fn queued(jobs: &Jobs, second: i64) -> JobId {
    jobs.insert(&JobId::random(), &json!({"second": second}), None, at(second)).await.unwrap().id
}

/// Has a worker claim a job, which must be this one.
async fn claimed(jobs: &Jobs, id: &JobId, worker: &str, second: i64) -> Job {
    let job = jobs.claim(worker, at(second), LEASE).await.unwrap().unwrap();
    assert_eq!((&job.id, job.held_by.as_deref()), (id, Some(worker)));
    job
}

async fn found(jobs: &Jobs, id: &JobId) -> Job {
    jobs.get(id).await.unwrap().unwrap()
}

async fn is_idle(jobs: &Jobs, second: i64) -> bool {
    jobs.give_up(at(second)).await.unwrap();
    jobs.claim("somebody", at(second), LEASE).await.unwrap().is_none()
}

async fn a_job_goes_from_the_queue_to_its_end(jobs: Jobs) {
    let request = json!({"input": "s3://bucket/é.parquet", "text": "a\u{0}b", "number": 0.1});
    let asked = jobs.insert(&JobId::random(), &request, Some("batch"), at(0)).await.unwrap();
    assert_eq!((&asked.request, asked.owner.as_deref(), asked.state), (&request, Some("batch"), JobState::Queued));
    assert_eq!((asked.created_at, asked.updated_at, asked.attempts), (at(0), at(0), 0));
    assert_eq!(found(&jobs, &asked.id).await, asked);
    assert_eq!(jobs.get(&JobId::random()).await.unwrap(), None);

    let job = claimed(&jobs, &asked.id, "one", 1).await;
    assert_eq!((job.state, job.held_until, job.attempts), (JobState::Running, Some(at(31)), 1));
    assert!(is_idle(&jobs, 1).await);
    let progress = Progress { rows: u64::MAX, failed: 7, automatic_rate: 0.1, share: 1.0 / 3.0, finishing: true };
    assert_eq!(jobs.renew(&job.id, "one", at(20), LEASE, &progress).await.unwrap(), Order::GoOn);
    let job = found(&jobs, &asked.id).await;
    assert_eq!((job.progress, job.held_until, job.updated_at), (progress, Some(at(50)), at(20)));

    let summary = json!({"rows": 250_000});
    assert!(jobs.finish(&job.id, "one", at(40), &summary).await.unwrap());
    let job = found(&jobs, &asked.id).await;
    assert_eq!((job.state, job.summary, job.held_by, job.held_until), (JobState::Finished, Some(summary), None, None));
    assert_eq!((job.created_at, job.updated_at, job.progress), (at(0), at(40), progress));
    assert!(!jobs.fail(&job.id, "one", at(41), "too late").await.unwrap());
    assert!(is_idle(&jobs, 1000).await);
    assert_eq!(found(&jobs, &asked.id).await.error, None);
}

async fn a_job_that_fails_says_why(jobs: Jobs) {
    let id = queued(&jobs, 0).await;
    claimed(&jobs, &id, "one", 1).await;
    assert!(jobs.fail(&id, "one", at(2), "row 3: a\u{0}b is no text").await.unwrap());
    let job = found(&jobs, &id).await;
    assert_eq!((job.state, job.error.as_deref()), (JobState::Failed, Some("row 3: a\u{FFFD}b is no text")));
    assert!(is_idle(&jobs, 1000).await);
}

async fn the_oldest_job_is_claimed_first(jobs: Jobs) {
    let (second, third, first) = (queued(&jobs, 2).await, queued(&jobs, 3).await, queued(&jobs, 1).await);
    for id in [first, second, third] {
        claimed(&jobs, &id, "one", 4).await;
    }
    assert!(is_idle(&jobs, 4).await);
}

async fn a_job_whose_worker_died_is_another_s_after_its_lease(jobs: Jobs) {
    let id = queued(&jobs, 0).await;
    claimed(&jobs, &id, "dead", 0).await;
    let progress = Progress { rows: 7, failed: 1, automatic_rate: 0.5, share: 0.2, finishing: false };
    jobs.renew(&id, "dead", at(10), LEASE, &progress).await.unwrap();
    assert!(is_idle(&jobs, 39).await);
    let job = claimed(&jobs, &id, "heir", 40).await;
    assert_eq!((job.progress, job.attempts), (progress, 2));

    // It was not dead but slow, and what it says now changes nothing.
    let before = found(&jobs, &id).await;
    assert_eq!(jobs.renew(&id, "dead", at(41), LEASE, &Progress::default()).await.unwrap(), Order::Lost);
    assert!(!jobs.finish(&id, "dead", at(41), &json!({})).await.unwrap());
    assert!(!jobs.fail(&id, "dead", at(41), "no").await.unwrap());
    assert!(!jobs.release(&id, "dead", at(41)).await.unwrap());
    assert!(!jobs.cancelled(&id, "dead", at(41)).await.unwrap());
    assert_eq!(found(&jobs, &id).await, before);

    // A late one whom nobody has taken the job from goes on.
    assert_eq!(jobs.renew(&id, "heir", at(500), LEASE, &progress).await.unwrap(), Order::GoOn);
    assert!(is_idle(&jobs, 529).await);
}

async fn a_job_that_kills_its_workers_fails_in_the_end(jobs: Jobs) {
    let id = queued(&jobs, 0).await;
    for attempt in 1..=MOST_ATTEMPTS {
        let job = claimed(&jobs, &id, &format!("victim {attempt}"), 100 * i64::from(attempt)).await;
        assert_eq!(job.attempts, attempt);
    }
    let innocent = queued(&jobs, 1).await;
    assert_eq!(jobs.give_up(at(1000)).await.unwrap(), std::slice::from_ref(&id));
    assert!(jobs.give_up(at(1000)).await.unwrap().is_empty());
    claimed(&jobs, &innocent, "survivor", 1000).await;
    let job = found(&jobs, &id).await;
    assert_eq!((job.state, job.held_by, job.updated_at), (JobState::Failed, None, at(1000)));
    assert!(job.error.unwrap().contains("begun 5 times"));
}

async fn an_orderly_stop_costs_nothing(jobs: Jobs) {
    let (id, younger) = (queued(&jobs, 0).await, queued(&jobs, 1).await);
    let progress = Progress { rows: 9, failed: 0, automatic_rate: 1.0, share: 0.9, finishing: false };
    for round in 0..2 * i64::from(MOST_ATTEMPTS) {
        claimed(&jobs, &id, "one", 10 * round).await;
        jobs.renew(&id, "one", at(10 * round), LEASE, &progress).await.unwrap();
        assert!(jobs.release(&id, "one", at(10 * round)).await.unwrap());
        let job = found(&jobs, &id).await;
        assert_eq!((job.state, job.held_by, job.progress, job.attempts), (JobState::Queued, None, progress, 0));
    }
    claimed(&jobs, &id, "one", 1000).await;
    claimed(&jobs, &younger, "one", 1000).await;
}

async fn a_job_is_cancelled_wherever_it_stands(jobs: Jobs) {
    assert_eq!(jobs.cancel(&JobId::random(), at(0)).await.unwrap(), None);

    let waiting = queued(&jobs, 0).await;
    let job = jobs.cancel(&waiting, at(1)).await.unwrap().unwrap();
    assert_eq!((job.state, job.cancel_requested, job.updated_at), (JobState::Cancelled, true, at(1)));
    assert!(is_idle(&jobs, 2).await);
    assert_eq!(jobs.cancel(&waiting, at(3)).await.unwrap(), Some(job));

    let running = queued(&jobs, 0).await;
    claimed(&jobs, &running, "one", 10).await;
    let job = jobs.cancel(&running, at(11)).await.unwrap().unwrap();
    assert_eq!((job.state, job.cancel_requested), (JobState::Running, true));
    assert_eq!(jobs.renew(&running, "one", at(12), LEASE, &Progress::default()).await.unwrap(), Order::Cancel);
    assert!(jobs.cancelled(&running, "one", at(13)).await.unwrap());
    assert_eq!(found(&jobs, &running).await.state, JobState::Cancelled);

    let orphan = queued(&jobs, 0).await;
    claimed(&jobs, &orphan, "dead", 20).await;
    jobs.cancel(&orphan, at(21)).await.unwrap();
    assert!(is_idle(&jobs, 50).await);
    let job = found(&jobs, &orphan).await;
    assert_eq!((job.state, job.error, job.held_by), (JobState::Cancelled, None, None));

    let released = queued(&jobs, 0).await;
    claimed(&jobs, &released, "one", 60).await;
    jobs.cancel(&released, at(61)).await.unwrap();
    assert!(jobs.release(&released, "one", at(62)).await.unwrap());
    assert_eq!(found(&jobs, &released).await.state, JobState::Cancelled);

    let finished = queued(&jobs, 0).await;
    claimed(&jobs, &finished, "one", 70).await;
    jobs.finish(&finished, "one", at(71), &json!({})).await.unwrap();
    let job = jobs.cancel(&finished, at(72)).await.unwrap().unwrap();
    assert_eq!((job.state, job.cancel_requested, job.updated_at), (JobState::Finished, false, at(71)));
}

async fn jobs_are_listed_by_owner_and_page_newest_first(jobs: Jobs) {
    let mut expected = Vec::new();
    // Two at each time: the place in the list tells them apart.
    for number in 0..10 {
        let owner = if number % 5 == 0 { "rare" } else { "usual" };
        expected.push(jobs.insert(&JobId::random(), &json!(number), Some(owner), at(number / 2)).await.unwrap());
    }
    queued(&jobs, -1).await;
    expected.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));

    assert_eq!(jobs.waiting().await.unwrap(), 11);
    let all = jobs.list(None, 100, None).await.unwrap();
    assert_eq!(all.len(), 11);
    assert_eq!(all[..10], expected[..]);
    let mut paged = jobs.list(None, 3, None).await.unwrap();
    assert_eq!(paged.len(), 3);
    while let Some(last) = paged.last() {
        let cursor = last.cursor().to_string().parse().unwrap();
        match jobs.list(None, 3, Some(&cursor)).await.unwrap() {
            page if page.is_empty() => break,
            page => paged.extend(page),
        }
    }
    assert_eq!(paged, all);

    let is_rare = |job: &&Job| job.owner.as_deref() == Some("rare");
    let rare: Vec<Job> = expected.iter().filter(is_rare).cloned().collect();
    assert_eq!(jobs.list(Some("rare"), 100, None).await.unwrap(), rare);
    assert_eq!(jobs.list(Some("rare"), 100, Some(&rare[0].cursor())).await.unwrap(), rare[1..]);
    assert!(jobs.list(Some("nobody"), 100, None).await.unwrap().is_empty());
}

async fn only_jobs_that_ended_are_forgotten(jobs: Jobs) {
    let (old, recent, running) = (queued(&jobs, 0).await, queued(&jobs, 1).await, queued(&jobs, 2).await);
    claimed(&jobs, &old, "one", 3).await;
    jobs.finish(&old, "one", at(10), &json!({})).await.unwrap();
    claimed(&jobs, &recent, "one", 3).await;
    jobs.fail(&recent, "one", at(20), "no").await.unwrap();
    claimed(&jobs, &running, "one", 3).await;
    let waiting = queued(&jobs, 3).await;

    let expired = |jobs: Vec<Job>| jobs.into_iter().map(|job| job.id).collect::<Vec<_>>();
    assert!(jobs.expired(at(10)).await.unwrap().is_empty());
    assert_eq!(expired(jobs.expired(at(11)).await.unwrap()), std::slice::from_ref(&old));
    assert_eq!(expired(jobs.expired(at(1000)).await.unwrap()), [old.clone(), recent.clone()]);
    for kept in [&running, &waiting, &JobId::random()] {
        assert!(!jobs.delete(kept).await.unwrap());
    }
    for ended in [&old, &recent] {
        assert!(jobs.delete(ended).await.unwrap());
        assert_eq!(jobs.get(ended).await.unwrap(), None);
    }
    assert_eq!(jobs.list(None, 100, None).await.unwrap().len(), 2);
}

/// Many workers of several replicas claim at once whatever there is, first what waits and then what dead workers left.
async fn no_two_workers_hold_one_job(replicas: Vec<Jobs>) {
    const JOBS: usize = 60;
    let mut expected = BTreeSet::new();
    for second in 0..JOBS as i64 {
        expected.insert(queued(&replicas[0], second).await);
    }
    for second in [100, 200] {
        let workers = (0..16).map(|number| {
            let jobs = replicas[number % replicas.len()].clone();
            tokio::spawn(async move {
                let (worker, mut mine) = (format!("{second}-{number}"), Vec::new());
                while let Some(job) = jobs.claim(&worker, at(second), LEASE).await.unwrap() {
                    mine.push(job.id);
                }
                mine
            })
        });
        let mut taken = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            taken.extend(worker.await.unwrap());
        }
        assert_eq!(taken.len(), JOBS);
        assert_eq!(taken.into_iter().collect::<BTreeSet<_>>(), expected);
    }
}

/// A test for each function that takes the jobs of a store in which there are none yet.
macro_rules! in_each {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $name() {
                let (_folder, location) = super::new_file();
                super::$name(super::open(&location).await.jobs()).await;
            })*
        }

        mod postgres {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::open(&super::new_database().await).await.jobs()).await;
            })*
        }
    };
}

in_each!(
    a_job_goes_from_the_queue_to_its_end,
    a_job_that_fails_says_why,
    the_oldest_job_is_claimed_first,
    a_job_whose_worker_died_is_another_s_after_its_lease,
    a_job_that_kills_its_workers_fails_in_the_end,
    an_orderly_stop_costs_nothing,
    a_job_is_cancelled_wherever_it_stands,
    jobs_are_listed_by_owner_and_page_newest_first,
    only_jobs_that_ended_are_forgotten,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_two_workers_of_a_process_hold_one_job() {
    let (_folder, location) = new_file();
    no_two_workers_hold_one_job(vec![open(&location).await.jobs()]).await;
}

mod postgres_server {
    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn replicas_start_together_and_no_two_workers_hold_one_job() {
        let location = new_database().await;
        let opened = futures_util::future::join_all((0..4).map(|_| Store::open(&location))).await;
        no_two_workers_hold_one_job(opened.into_iter().map(|store| store.unwrap().jobs()).collect()).await;
    }

    #[tokio::test]
    async fn a_database_of_a_newer_codif_is_refused_and_not_kept_locked() {
        let location = new_database().await;
        open(&location).await.close().await;
        let later = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
                     VALUES (99, 'later', TRUE, '', 0)";
        run(&location, later).await;
        for _ in 0..2 {
            let said = Store::open(&location).await.unwrap_err().to_string();
            assert!(said.contains("was written by a newer codif (its schema has version 99)"), "{said}");
        }
        run(&location, "DELETE FROM _sqlx_migrations WHERE version = 99").await;
        open(&location).await;
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_named_and_not_made() {
        let server = server();
        let location = within(&server, "nothing_of_the_kind");
        for _ in 0..2 {
            let error = Store::open(&location).await.unwrap_err();
            let said = error.to_string();
            assert!(said.contains("/nothing_of_the_kind refuses: ") && said.contains("does not exist"), "{said}");
            assert!(!error.may_pass());
        }
    }

    /// A statement that goes past the store.
    async fn run(location: &StoreLocation, sql: &'static str) {
        let StoreLocation::Postgres { url, .. } = location else { panic!("not in a server") };
        let pool = sqlx::PgPool::connect(url.reveal()).await.unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

async fn open(location: &StoreLocation) -> Store {
    Store::open(location).await.unwrap()
}

fn new_file() -> (TempDir, StoreLocation) {
    let folder = tempfile::tempdir().unwrap();
    let location = StoreLocation::File(folder.path().join("jobs.sqlite"));
    (folder, location)
}

/// A database of its own in the server, which goes with it.
async fn new_database() -> StoreLocation {
    let (server, name) = (server(), format!("codif_{}", JobId::random()));
    let pool = sqlx::PgPool::connect(&server).await.unwrap();
    // No value is bound to the name of a database; this one is of hexadecimal digits.
    let sql = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::query(sql).execute(&pool).await.unwrap();
    pool.close().await;
    within(&server, &name)
}

/// The address of such a database, for a test that is not asynchronous.
pub fn new_database_url() -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let StoreLocation::Postgres { url, .. } = runtime.block_on(new_database()) else { panic!("not in a server") };
    url.reveal().to_owned()
}

/// The address of another database of the same server.
fn within(server: &str, database: &str) -> StoreLocation {
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{database}").parse().unwrap()
}

fn server() -> String {
    std::env::var("CODIF_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!(
            "this test needs PostgreSQL: run ./test.sh, or tests/s3.sh tests/postgres.sh cargo nextest run --release"
        )
    })
}
