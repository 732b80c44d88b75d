//! An annotation that is full of errors: the first are named, the others counted, none is held.

use crate::bundle::Bundle;
use crate::{HOST_ALIASES, tracer, world};

#[test]
fn only_the_first_are_held() {
    world("many_errors::only_the_first_are_held", |home| {
        for item in [r#""","#, "7,"] {
            let items = item.repeat(250 * 1024 / item.len());
            let names = format!(r#"[{{"ip":"10.0.0.1","hostnames":[{items}""]}}]"#);
            let mut bundle = Bundle::new(home, "runc", "prestart");
            bundle.annotate(HOST_ALIASES, &names);
            // The annotation itself, read once as JSON, takes half of it.
            let limit = format!("prlimit --as={}", 24 << 20);
            tracer::put_before_hook(&mut bundle, &limit);
            let ran = bundle.run();
            ran.assert_refused(5, "hostnames[19]: Invalid value");
            assert!(ran.stderr.contains("; and "), "{}", ran.stderr);
        }
    });
}
