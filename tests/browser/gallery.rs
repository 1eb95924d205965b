//! The gallery in a tab: what its tests ask of it again and again.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::path::Path;

use serde_json::Value;

use crate::driver::Tab;
use crate::support::Server;

/// Every script of these tests may use these.
pub(crate) const HELPERS: &str = "
    const one = selector => document.querySelector(selector);
    const until = async is => { for (;;) { const value = is(); if (value) return value; await new Promise(tell => setTimeout(tell, 10)); } };
    const names = () => [...document.querySelectorAll('tbody tr:not([hidden]) a')].map(link => link.textContent);
    const opened = name => until(() => one('dialog[open] h2')?.textContent === name);
    const closed = () => until(() => !one('dialog[open]'));
";

pub(crate) fn ask(tab: &Tab, script: &str) -> Value {
    tab.ask(&format!("{HELPERS} {script}"))
}

pub(crate) fn sample(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("media").join(path)).expect("a sample file")
}

pub(crate) fn url(server: &Server) -> String {
    format!("http://{}/media/", server.address)
}

/// What the page's policy kept from happening, since it was loaded.
pub(crate) fn violations(tab: &Tab) -> Value {
    ask(
        tab,
        "const blocked = [];
        const note = reports => blocked.push(...reports.map(({ body }) => `${body.effectiveDirective} ${body.blockedURL}`));
        const observer = new ReportingObserver(note, { types: ['csp-violation'], buffered: true });
        observer.observe();
        await new Promise(tell => setTimeout(tell, 50));
        note(observer.takeRecords());
        return blocked",
    )
}
