//! SQL of reading reports.

use super::ReportRow;
use crate::{
    db::Db,
    error::Result,
    odata::{Clause, Kind, Page, Property, Query, Table},
};

/// A report's columns; whoever reported it is named by the device or the API client.
pub const COLUMNS: &str = "r.id, COALESCE(r.device_id, '') AS device_id, COALESCE(d.name, r.requested_by) AS device_name, r.url, \
                           r.comment, r.kind, r.category, r.reported_at, r.status, r.indicator_id, r.closed_at, r.answer";
pub const FROM: &str = "FROM site_reports r LEFT JOIN devices d ON d.id = r.device_id";

const TABLE: Table = Table(&[
    Property {
        name: "id",
        kind: Kind::Text("r.id"),
    },
    Property {
        name: "url",
        kind: Kind::Text("r.url"),
    },
    Property {
        name: "createdDateTime",
        kind: Kind::Time("r.reported_at"),
    },
    Property {
        name: "status",
        kind: Kind::Word(
            "CASE r.status WHEN 'open' THEN 'pending' ELSE 'completed' END",
            &["pending", "completed"],
        ),
    },
    Property {
        name: "contentType",
        kind: Kind::Word("'url'", &["mail", "url", "file"]),
    },
    Property {
        name: "category",
        kind: Kind::Word(
            "CASE r.category WHEN '' THEN 'phishing' ELSE r.category END",
            &["spam", "phishing", "malware"],
        ),
    },
    Property {
        name: "expectedAssessment",
        kind: Kind::Word(
            "CASE r.kind WHEN 'unsafe' THEN 'block' ELSE 'unblock' END",
            &["block", "unblock"],
        ),
    },
    Property {
        name: "requestSource",
        kind: Kind::Word(
            "CASE WHEN r.device_id IS NULL THEN 'administrator' ELSE 'user' END",
            &["user", "administrator"],
        ),
    },
]);

pub async fn page(db: &Db, query: &Query) -> Result<Page<ReportRow>> {
    let from = Clause::new(&format!("{FROM} WHERE 1 = 1"));
    TABLE
        .page(db, COLUMNS, &from, query, "r.reported_at DESC, r.id DESC")
        .await
}
