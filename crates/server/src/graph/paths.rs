//! Paths as clients write them: any letter case, doubled slashes (the Python SDK with its default address sends
//! `/v1.0//users`), `microsoft.graph.` in front of a function's name.

use std::borrow::Cow;

/// The path as the router knows it; everything outside `/v1.0` and `/beta` stays as it is. `words` are the literal
/// segments of the routes.
pub fn canonical<'a>(path: &'a str, words: &[&'static str]) -> Cow<'a, str> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let version = match segments.next() {
        Some(first) if first.eq_ignore_ascii_case("v1.0") => "v1.0",
        Some(first) if first.eq_ignore_ascii_case("beta") => "beta",
        _ => return Cow::Borrowed(path),
    };
    let mut canonical = format!("/{version}");
    for segment in segments {
        canonical.push('/');
        canonical.push_str(known(segment, words));
    }
    Cow::Owned(canonical)
}

fn known<'a>(segment: &'a str, words: &[&'static str]) -> &'a str {
    let bare = segment.strip_suffix("()").unwrap_or(segment);
    let bare = bare.replace("%24", "$");
    // A cast stands in the routes as the SDKs write it, `graph.group`; a function without the namespace.
    let short = bare.strip_prefix("microsoft.graph.").unwrap_or(&bare);
    let forms = [short, bare.strip_prefix("microsoft.").unwrap_or(&bare)];
    let mut found = forms
        .iter()
        .filter_map(|form| words.iter().find(|word| word.eq_ignore_ascii_case(form)));
    found.next().copied().unwrap_or(segment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_slashes_do_not_matter_within_the_versions() {
        let words = [
            "deviceManagement",
            "managedDevices",
            "$count",
            "assign",
            "wipe",
            "users",
            "graph.user",
        ];
        for (path, expected) in [
            (
                "/v1.0//DeviceManagement/manageddevices",
                "/v1.0/deviceManagement/managedDevices",
            ),
            (
                "/BETA/deviceManagement/managedDevices/%24count",
                "/beta/deviceManagement/managedDevices/$count",
            ),
            (
                "/v1.0/deviceManagement/x/microsoft.graph.assign",
                "/v1.0/deviceManagement/x/assign",
            ),
            ("/v1.0/deviceManagement/x/wipe()/", "/v1.0/deviceManagement/x/wipe"),
            ("/v1.0/x/microsoft.graph.user", "/v1.0/x/graph.user"),
            ("/v1.0/x/Graph.User/%24count", "/v1.0/x/graph.user/$count"),
            ("/v1.0/users/Anna%40x", "/v1.0/users/Anna%40x"),
            ("/api//Indicators", "/api//Indicators"),
            ("/", "/"),
        ] {
            assert_eq!(canonical(path, &words), expected);
        }
    }
}
