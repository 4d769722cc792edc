//! Which certificates are accepted, and which refused; and which files are refused.

use super::*;

#[test]
fn a_certificate_that_does_not_fit_is_told_on_both_sides() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let day = |year| date_time_ymd(year, 1, 1);
    let good = || client("tenure:client/a");
    let nobody = changed(good(), |params| params.subject_alt_names.clear());
    let foreign_uri = client("spiffe://example.org/a");
    let two = changed(good(), |params| {
        params.subject_alt_names.push(SanType::URI("tenure:node/1".try_into().unwrap()));
    });
    let odd = client("tenure:client/*");
    let local = client("tenure:local/1");
    let expired = changed(good(), |params| params.not_after = day(2020));
    let early = changed(good(), |params| params.not_before = day(3000));
    let served = changed(good(), |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    });
    let authority = changed(good(), |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    for (params, dialed, dialer) in [
        (nobody, "its certificate names nobody: it needs a URI", "not the one that it expects"),
        (foreign_uri, "its certificate names nobody", "not the one that it expects"),
        (two, "more than one URI that begins with \"tenure:\"", "not the one that it expects"),
        (odd, "has '*' in its name", "not the one that it expects"),
        (local, "no identity that a certificate can give", "not the one that it expects"),
        (expired, "expired on 2020-01-01 00:00 UTC", "our certificate has expired"),
        (early, "is valid from 3000-01-01 00:00 UTC only", "not valid yet"),
        (served, "may not be used at this end", "may not be used at this end"),
        (authority, "is an authority's own", "not the one that it expects"),
    ] {
        let client = TlsClient::new(&papers.read(&params)).unwrap();
        Pair::new(&client, Expected::AnyNode, &server).assert_refused(dialed, dialer);
    }
}

#[test]
fn strangers_are_told_on_both_sides() {
    let mut papers = Papers::new();
    let server = papers.server("tenure:node/1");
    let refused = |material: &TlsMaterial, dialed: &str, dialer: &str| {
        let client = TlsClient::new(material).unwrap();
        Pair::new(&client, Expected::AnyNode, &server).assert_refused(dialed, dialer);
    };
    // Of another authority that calls itself the same.
    let foreign = papers.files_of(&new_authority(), &client("tenure:client/a"));
    let foreign = TlsMaterial::read(&foreign).unwrap();
    refused(&foreign, "is not of an authority that is trusted here", "not of an authority that it");
    // Of nobody but itself.
    let key = KeyPair::generate().unwrap();
    let own = client("tenure:client/a").self_signed(&key).unwrap().pem();
    let own = Some((papers.write(&own), papers.write(&key.serialize_pem())));
    let files = TlsFiles { ca: papers.ca.clone(), own, ..TlsFiles::default() };
    let own = TlsMaterial::read(&files).unwrap();
    refused(&own, "is not of an authority that is trusted here", "not of an authority that it");
    let files = TlsFiles { own: None, ..files };
    let none = TlsMaterial::read(&files).unwrap();
    refused(&none, "it has no certificate", "it demands a certificate");
    assert!(TlsServer::new(&none).unwrap_err().contains("--cert and --key"));
    // The authority itself, with its key.
    let own = (papers.authority.pem(), papers.authority.key().serialize_pem());
    let own = Some((papers.write(&own.0), papers.write(&own.1)));
    let own = TlsMaterial::read(&TlsFiles { own, ..files }).unwrap();
    refused(&own, "is an authority's own", "not the one that it expects");
}

#[test]
fn a_node_that_is_not_the_dialed_one_is_told_on_both_sides() {
    let mut papers = Papers::new();
    let client = papers.client("tenure:client/a");
    let mut server = |params: &CertificateParams| TlsServer::new(&papers.read(params)).unwrap();
    let two = server(&node("tenure:node/2"));
    let pair = Pair::new(&client, Expected::Node(NodeId(3)), &two);
    pair.assert_refused(
        "not the one that it expects",
        "is node/2's, and this is the address of node/3",
    );
    // A client's certificate is no node's, whatever it may be used for.
    let posing = server(&node("tenure:client/a"));
    for expected in [Expected::AnyNode, Expected::Node(NodeId(1))] {
        let pair = Pair::new(&client, expected, &posing);
        pair.assert_refused("not the one that", "is client/a's, and only a node's is accepted");
    }
    let dialing = server(&changed(node("tenure:node/1"), |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    }));
    let pair = Pair::new(&client, Expected::AnyNode, &dialing);
    pair.assert_refused("may not be used at this end", "only nodes are dialed");
    let expired = server(&changed(node("tenure:node/1"), |params| {
        params.not_after = date_time_ymd(2020, 1, 1);
    }));
    let pair = Pair::new(&client, Expected::AnyNode, &expired);
    pair.assert_refused("our certificate has expired", "expired on 2020-01-01");
}

#[test]
fn a_host_is_verified_by_name_or_address_and_by_nothing_else() {
    let mut papers = Papers::new();
    let client = papers.client("tenure:client/a");
    let host = |address: &str| Expected::host_of(address).unwrap();
    let server = papers.server("tenure:node/1");
    for address in ["db1.example:7401", "DB1.example:1", "10.0.0.1:7401"] {
        let pair = Pair::new(&client, host(address), &server);
        assert_eq!(pair.dialer_error, None, "{address}");
    }
    for address in ["db2.example:7401", "example:7401", "10.0.0.2:7401", "[::1]:7401"] {
        let pair = Pair::new(&client, host(address), &server);
        let name = address.rsplit_once(':').unwrap().0.trim_matches(['[', ']']);
        let said = format!("is not for {name}, but for db1.example, 10.0.0.1: make one");
        pair.assert_refused("not the one that it expects", &said);
    }
    // Verifying by host is by host alone; verifying by node accepts a node at any address.
    let other = changed(node("tenure:node/1"), |params| {
        params.subject_alt_names.remove(0);
    });
    let other = TlsServer::new(&papers.read(&other)).unwrap();
    let pair = Pair::new(&client, host("db1.example:7401"), &other);
    assert_eq!((pair.dialer_error, pair.dialer.peer()), (None, None));
    let pair = Pair::new(&client, Expected::AnyNode, &other);
    pair.assert_refused("not the one that it expects", "its certificate names nobody");
    assert!(Expected::host_of("a b:7401").unwrap_err().contains("--verify node"));
}

#[test]
fn the_authority_of_clients_makes_no_nodes_nor_that_of_nodes_clients() {
    let mut papers = Papers::new();
    let clients = new_authority();
    let client_ca = Some(papers.write(&clients.pem()));
    let files = TlsFiles { client_ca, ..papers.files(&node("tenure:node/1")) };
    let server = TlsServer::new(&TlsMaterial::read(&files).unwrap()).unwrap();
    for (of_clients, uri, is_accepted) in [
        (true, "tenure:client/a", true),
        (true, "tenure:operator/a", true),
        (true, "tenure:node/2", false),
        (false, "tenure:client/a", false),
        (false, "tenure:operator/a", false),
        (false, "tenure:node/2", true),
    ] {
        let files = match of_clients {
            true => papers.files_of(&clients, &client(uri)),
            false => papers.files(&client(uri)),
        };
        let dialer = TlsClient::new(&TlsMaterial::read(&files).unwrap()).unwrap();
        let pair = Pair::new(&dialer, Expected::AnyNode, &server);
        assert_eq!(pair.dialed_error.is_none(), is_accepted, "{of_clients} {uri}");
        assert_eq!(pair.dialed.peer().is_some(), is_accepted);
    }
}

#[test]
fn files_that_do_not_fit_are_named() {
    let mut papers = Papers::new();
    let good = papers.files(&node("tenure:node/1"));
    let (certificate, key) = good.own.clone().unwrap();
    let other_key = papers.write(&KeyPair::generate().unwrap().serialize_pem());
    let empty = papers.write("");
    let text = papers.write("hello");
    let sealed = papers.write(
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let own = |certificate: &PathBuf, key: &PathBuf| Some((certificate.clone(), key.clone()));
    let of = |change: &dyn Fn(&mut TlsFiles)| {
        let mut files = good.clone();
        change(&mut files);
        TlsMaterial::read(&files).unwrap_err().message
    };
    let name = |path: &PathBuf| path.display().to_string();
    for (error, file, part) in [
        (of(&|files| files.ca = empty.clone()), &empty, "is empty"),
        (of(&|files| files.ca = text.clone()), &text, "has no certificate"),
        (of(&|files| files.ca = "/none/ca".into()), &"/none/ca".into(), "cannot read"),
        (of(&|files| files.own = own(&certificate, &other_key)), &other_key, "is not the key of"),
        (of(&|files| files.own = own(&certificate, &certificate)), &certificate, "no private key"),
        (of(&|files| files.own = own(&key, &key)), &key, "has no certificate"),
        (of(&|files| files.own = own(&certificate, &sealed)), &sealed, "is encrypted"),
        (of(&|files| files.crl = Some(empty.clone())), &empty, "is empty"),
        (of(&|files| files.crl = Some(certificate.clone())), &certificate, "no list of revoked"),
        (of(&|files| files.client_ca = Some(text.clone())), &text, "has no certificate"),
    ] {
        assert!(error.contains(part) && error.contains(&name(file)), "{error}");
    }
    assert_eq!(
        TlsMaterial::read(&good).unwrap().principal(),
        Some(&Ok(Principal::Node(NodeId(1))))
    );
}

#[test]
fn what_was_revoked_is_refused_on_either_side() {
    let mut papers = Papers::new();
    let serial = |number: u64| {
        move |params: &mut CertificateParams| params.serial_number = Some(number.into())
    };
    let list = |serials: &[u64]| {
        let revoked = serials.iter().map(|serial| rcgen::RevokedCertParams {
            serial_number: (*serial).into(),
            revocation_time: date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        rcgen::CertificateRevocationListParams {
            this_update: date_time_ymd(2020, 1, 1),
            // Long ago: an old list is better than none.
            next_update: date_time_ymd(2021, 1, 1),
            crl_number: 1u64.into(),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: rcgen::KeyIdMethod::Sha256,
        }
    };
    let crl = list(&[7, 9]).signed_by(&papers.authority).unwrap().pem().unwrap();
    let crl = Some(papers.write(&crl));
    let mut material = |params: CertificateParams| {
        let files = TlsFiles { crl: crl.clone(), ..papers.files(&params) };
        TlsMaterial::read(&files).unwrap()
    };
    let good_node = material(changed(node("tenure:node/1"), serial(1)));
    let bad_node = material(changed(node("tenure:node/2"), serial(7)));
    let good = material(changed(client("tenure:client/a"), serial(2)));
    let bad = material(changed(client("tenure:client/b"), serial(9)));
    let meet = |dialer: &TlsMaterial, dialed: &TlsMaterial| {
        let (dialer, dialed) = (TlsClient::new(dialer).unwrap(), TlsServer::new(dialed).unwrap());
        Pair::new(&dialer, Expected::AnyNode, &dialed)
    };
    assert_eq!(meet(&good, &good_node).dialed_error, None);
    meet(&bad, &good_node).assert_refused("was revoked", "our certificate was revoked");
    meet(&good, &bad_node).assert_refused("our certificate was revoked", "was revoked");
}

#[test]
fn two_authorities_are_trusted_while_one_takes_the_others_place() {
    let mut papers = Papers::new();
    let newer = new_authority();
    let both = format!("{}{}", papers.authority.pem(), newer.pem());
    let both = papers.write(&both);
    let old = TlsFiles { ca: both.clone(), ..papers.files(&node("tenure:node/1")) };
    let new = TlsFiles { ca: both, ..papers.files_of(&newer, &node("tenure:node/2")) };
    let [old, new] = [old, new].map(|files| TlsMaterial::read(&files).unwrap());
    for (dialer, dialed) in [(&old, &new), (&new, &old)] {
        let (dialer, dialed) = (TlsClient::new(dialer).unwrap(), TlsServer::new(dialed).unwrap());
        let pair = Pair::new(&dialer, Expected::AnyNode, &dialed);
        assert_eq!((&pair.dialed_error, &pair.dialer_error), (&None, &None));
    }
}

#[test]
fn a_node_that_its_peers_would_refuse_is_told_before_it_starts() {
    let mut papers = Papers::new();
    let good = node("tenure:node/1");
    assert_eq!(papers.read(&good).check_node(), Ok(None));
    // The clock may be wrong where a machine starts.
    let expired = changed(good.clone(), |params| params.not_after = date_time_ymd(2020, 1, 1));
    let why = papers.read(&expired).check_node().unwrap().unwrap();
    assert!(why.starts_with("expired on 2020-01-01"), "{why}");
    for usage in [ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth] {
        let half = changed(good.clone(), |params| params.extended_key_usages = vec![usage]);
        let why = papers.read(&half).check_node().unwrap_err();
        assert!(why.starts_with("may not be used at this end"), "{why}");
    }
    let stranger = papers.files_of(&new_authority(), &good);
    let why = TlsMaterial::read(&stranger).unwrap().check_node().unwrap_err();
    assert!(why.starts_with("is not of an authority that is trusted here"), "{why}");
}
