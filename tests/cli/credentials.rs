//! Credentials: who has no certificate is somebody by a secret, until it is revoked.

use crate::program::{Cluster, code, eventually, run, sentence, stdout, tenure};
use crate::secured::{Papers, leader, run_as};
use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

struct Stand {
    papers: Papers,
    cluster: Cluster,
    operator: Vec<String>,
}

impl Stand {
    fn new() -> Self {
        let papers = Papers::new();
        let (cluster, operator) = (papers.cluster(), papers.flags("operator-alice"));
        leader(&cluster, &operator);
        eventually("the level of rights", || {
            let status = run_as(&cluster, &operator, "status", &["--json"]);
            let status: Value = serde_json::from_slice(&status.stdout).ok()?;
            status["nodes"].as_array()?.iter().all(|node| node["level"] == 3).then_some(())
        });
        Self { papers, cluster, operator }
    }

    /// `tenure access credential` as alice.
    fn credential(&self, words: &[&str]) -> Output {
        let endpoints = self.cluster.endpoints();
        let flags: Vec<&str> = self.operator.iter().map(String::as_str).collect();
        run(&[&["access", "credential"], words, &["--endpoints", &endpoints], &flags].concat())
    }

    /// Its credential in a file.
    fn create(&self, name: &str) -> String {
        let file = self.papers.path(&format!("{}.credential", name.replace('/', "-")));
        let created = self.credential(&["create", name, "--out", &file]);
        assert_eq!(code(&created), Some(0), "{created:?}");
        file
    }

    fn flags(&self, credential: &str) -> Vec<String> {
        let ca = self.papers.path("ca.crt");
        ["--ca", &ca, "--credential-file", credential].map(str::to_owned).to_vec()
    }

    fn lock(&self, flags: &[String]) -> Output {
        let (endpoints, flags) =
            (self.cluster.endpoints(), flags.iter().map(String::as_str).collect::<Vec<_>>());
        let within = ["--timeout", "3s", "--endpoints", &endpoints];
        run(&[&["lock"], &within[..], &flags, &["x", "--", "echo", "held"]].concat())
    }
}

#[test]
fn who_has_a_credential_takes_locks_as_its_principal_until_it_is_revoked() {
    let stand = Stand::new();
    let file = stand.create("web");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let flags = stand.flags(&file);
    let held = stand.lock(&flags);
    assert_eq!((code(&held), stdout(&held).as_str()), (Some(0), "held\n"), "{held:?}");
    // By variables, and through the kill of the leader.
    let mut stand = stand;
    let first = leader(&stand.cluster, &stand.operator);
    stand.cluster.kill(first);
    let mut command = stand.cluster.tenure("lock", &["x", "--", "echo", "held"]);
    command.env("TENURE_CA", &flags[1]).env("TENURE_CREDENTIAL_FILE", &file);
    assert_eq!(code(&command.output().unwrap()), Some(0));
    stand.cluster.start_node(first);
    // It is the principal that rights are given to.
    let listed = stand.credential(&["list", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&listed.stdout).unwrap()[0], "client/web");
    let members = run_as(&stand.cluster, &flags, "move-leader", &[]);
    assert_eq!(code(&members), Some(2));
    assert!(
        sentence(&members).contains("client/web may use locks, and not operate"),
        "{members:?}"
    );
    // Who holds by it is hung up on when it is revoked, and nobody comes in by it from then on.
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let command = ["y", "--ttl", "2s", "--", "sh", "-c", "echo held; sleep 60"];
    let mut holder = stand.cluster.tenure("lock", &[&flags, &command[..]].concat());
    let holder = holder.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "held\n");
    let revoked = stand.credential(&["revoke", "web"]);
    assert!(stdout(&revoked).contains("the credential of client/web is void"), "{revoked:?}");
    let ended = holder.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("the credential of client/web"), "{said}");
    assert_ne!(ended.status.code(), Some(0));
    let refused = stand.lock(&stand.flags(&file));
    assert_eq!(code(&refused), Some(125), "{refused:?}");
    let said = sentence(&refused);
    assert!(
        said.contains("the credential of client/web is not the one that this cluster has"),
        "{said}"
    );
    let absent = stand.credential(&["revoke", "web"]);
    assert!(
        code(&absent) == Some(1) && sentence(&absent).contains("has no credential"),
        "{absent:?}"
    );
}

#[test]
fn a_new_credential_makes_the_one_before_void_and_is_printed_once() {
    let stand = Stand::new();
    let first = stand.create("team/web");
    let printed = stand.credential(&["create", "team/web"]);
    let line = stdout(&printed);
    assert!(line.starts_with("client/team/web:") && line.trim().len() == 16 + 64, "{line:?}");
    assert_eq!(code(&stand.lock(&stand.flags(&first))), Some(125));
    let second = stand.papers.path("second");
    fs::write(&second, &line).unwrap();
    let held = stand.lock(&stand.flags(&second));
    assert_eq!(code(&held), Some(0), "{held:?}");
    // Everybody reads that file here, and its owner should know.
    assert!(String::from_utf8_lossy(&held.stderr).contains("chmod 600"), "{held:?}");
    // A file is never written over, and then nothing has changed.
    let there = stand.credential(&["create", "team/web", "--out", &second]);
    assert!(
        code(&there) == Some(1) && sentence(&there).contains("nothing was changed"),
        "{there:?}"
    );
    assert_eq!(code(&stand.lock(&stand.flags(&second))), Some(0));
}

#[test]
fn what_is_no_credential_or_must_not_be_sent_is_told_before_anybody_is_asked() {
    let papers = Papers::new();
    let file = papers.path("web.credential");
    let secret = "ab".repeat(32);
    let says = |content: &str, flags: &[&str], part: &str| {
        fs::write(&file, content).unwrap();
        let output =
            run(&[&["lock", "x", "--credential-file", &file], flags, &["--", "true"]].concat());
        let said = sentence(&output);
        assert!(code(&output) == Some(125) && said.contains(part), "{content:?}: {output:?}");
        assert!(!said.contains("abab"), "{said}");
    };
    let ca = papers.path("ca.crt");
    let (cert, key) = (papers.path("client-billing.crt"), papers.path("client-billing.key"));
    let whole = format!("client/web:{secret}\n");
    says(&whole, &[], "need --ca");
    says(&whole, &["--ca", &ca, "--cert", &cert, "--key", &key], "two identities");
    says("", &["--ca", &ca], "is empty");
    says("client/web:abab", &["--ca", &ca], "it was cut or changed");
    says(&format!("web:{secret}"), &["--ca", &ca], "is no credential");
    says(&format!("node/1:{secret}"), &["--ca", &ca], "a credential is of client/NAME");
    let argument = tenure(&["access", "credential", "create", "local/1"]).output().unwrap();
    assert_eq!(code(&argument), Some(2), "{argument:?}");
}
