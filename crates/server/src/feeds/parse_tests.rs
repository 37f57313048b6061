use moat_model::Timestamp;

use super::parse::*;

fn read(text: &str) -> Result<(Vec<String>, Found), Unusable> {
    let (content, found) = parse(text.as_bytes(), Timestamp::from_micros(1_764_000_000_000_000))?;
    Ok((content.lines().map(String::from).collect(), found))
}

#[test]
fn each_format_is_told_apart_and_read() {
    let cases: [(&str, &str, &[&str]); 7] = [
        (
            "# comment\nEvil.Example\n*.b.evil.example # why\nbücher.example\n",
            "domains",
            &["db.evil.example", "devil.example", "dxn--bcher-kva.example"],
        ),
        (
            "127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 0.0.0.0\n0.0.0.0 evil.example www.evil.example # x\n127.0.0.1\tbad.example\n",
            "hosts",
            &["dbad.example", "devil.example", "dwww.evil.example"],
        ),
        (
            "[Adblock Plus 2.0]\n! title\n||evil.example^\n||bad.example^$important\n@@||good.evil.example^\n||x.example/path\n",
            "adblock",
            &["Dgood.evil.example", "dbad.example", "devil.example", "ux.example/path"],
        ),
        (
            "https://evil.example/login.php\nhttp://bad.example/\nshop.example:8080/x\n",
            "urls",
            &["ubad.example/", "uevil.example/login.php", "ushop.example/x"],
        ),
        (
            "; list\n203.0.113.7\n198.51.100.0/24 ; SBL1\n192.0.2.1:8443\n2001:db8::/32\n",
            "addresses",
            &["i192.0.2.1", "i198.51.100.0/24", "i2001:db8::/32", "i203.0.113.7"],
        ),
        (
            "\u{feff}IndicatorType,indicatorValue,action,title\nDomainName,evil.example,Block,t\nUrl,ok.evil.example/x,Allowed,t\n,203.0.113.9,Warn,\"a, b\"\n",
            "csv",
            &["Uok.evil.example/x", "devil.example", "i203.0.113.9"],
        ),
        (
            "evil.example\r\nbad.example\r\n",
            "domains",
            &["dbad.example", "devil.example"],
        ),
    ];
    for (text, format, lines) in cases {
        let (read, found) = read(text).unwrap();
        assert_eq!(read, lines, "{text}");
        assert_eq!(found.format, format, "{text}");
        assert_eq!(found.unreadable, Noted::default(), "{text}");
    }
}

#[test]
fn what_is_left_out_is_counted_with_its_line() {
    let text = "evil.example\nevil.example\nco.uk\nzip\ngithub.io\n10.0.0.0/8\n64.0.0.0/3\nnot a name\nhttps://a.example/x\n-\nb.example\n";
    let (lines, found) = read(text).unwrap();
    assert_eq!(lines, ["db.example", "devil.example", "ua.example/x"]);
    assert_eq!((found.entries, found.repeated, found.unseen), (3, 1, 1));
    assert_eq!(
        found.too_broad.first,
        ["3: co.uk", "4: zip", "5: github.io", "7: 64.0.0.0/3"]
    );
    assert_eq!(found.internal.first, ["6: 10.0.0.0/8"]);
    assert_eq!(found.unreadable.count, 2);
    assert!(found.unreadable.first[0].starts_with("8: not a name ("), "{found:?}");
}

#[test]
fn one_customer_of_a_host_is_no_public_suffix() {
    let (lines, found) = read("x.localto.net\nlocalto.net\nexample.ck\nblogspot.com\n").unwrap();
    assert_eq!(lines, ["dlocalto.net", "dx.localto.net"]);
    assert_eq!(found.too_broad.first, ["3: example.ck", "4: blogspot.com"]);
}

#[test]
fn rules_that_only_a_browser_can_follow_are_no_entries() {
    let text = "||evil.example^\n||a.example^$script\nexample.com##.ad\n/banner/*\n||*.b.example^\n||c.example^*/x\n||ads.\n|https://d.example/x|\n";
    let (lines, found) = read(text).unwrap();
    assert_eq!(lines, ["db.example", "devil.example", "ud.example/x"]);
    assert_eq!((found.unsupported.count, found.unreadable.count), (4, 0), "{found:?}");
    assert_eq!(found.too_broad.first, ["7: ||ads."]);
}

#[test]
fn an_exception_takes_back_what_lies_below_it() {
    let text = "||evil.example^\n||ads.good.example^\n@@||good.example^\n@@||ok.evil.example^\n";
    let (lines, found) = read(text).unwrap();
    assert_eq!(lines, ["Dgood.example", "Dok.evil.example", "devil.example"]);
    assert_eq!((found.entries, found.exceptions), (1, 2));
}

#[test]
fn what_is_no_list_is_refused() {
    assert_eq!(read("").unwrap_err(), Unusable::Empty);
    assert_eq!(read("# nothing\n").unwrap_err(), Unusable::Empty);
    let page = "<!doctype html>\n<html><head>\n<title>Sign in</title>\n</head>\n<body>Sign in, please</body></html>\n";
    assert!(matches!(read(page).unwrap_err(), Unusable::NoList { .. }));
    assert!(matches!(read("\x1f").unwrap_err(), Unusable::NoList { .. }));
    let packed = parse(&[0x1f, 0x8b, 8, 0], Timestamp::from_micros(0));
    assert_eq!(packed.unwrap_err(), Unusable::Packed);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _ = parse(&bytes, Timestamp::from_micros(0));
    }

    #[test]
    fn lines_that_were_kept_are_canonical(text in "([|@.*a-c0-9/:?#$^ \n]|evil\\.example){0,60}") {
        if let Ok((lines, _)) = read(&text) {
            let again = |line: &String| read(&format!("{}\n", &line[1..]));
            for line in lines.iter().filter(|line| line.starts_with(['d', 'u', 'i'])) {
                proptest::prop_assert_eq!(&again(line).unwrap().0[0], line);
            }
        }
    }
}
