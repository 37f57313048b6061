//! A data folder that a killed first start left behind, and one that lost a file.

use std::os::unix::fs::PermissionsExt as _;

use moat_server::{App, Config, DataFolder};

async fn open(folder: &std::path::Path) -> Result<(), String> {
    let data = DataFolder::open(folder).map_err(|e| format!("{e:#}"))?;
    let app = App::open(data, Config::default()).await.map_err(|e| format!("{e:#}"))?;
    app.close().await;
    Ok(())
}

#[tokio::test]
async fn half_an_authority_is_made_anew_only_while_nothing_depends_on_it() {
    for left in ["ca.pem", "ca.key"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(left), "the first half").unwrap();
        open(folder.path()).await.unwrap();
        let pem = std::fs::read_to_string(folder.path().join("ca.pem")).unwrap();
        assert!(pem.starts_with("-----BEGIN CERTIFICATE"), "{pem}");
        open(folder.path()).await.unwrap();

        let lost = if left == "ca.pem" { "ca.key" } else { "ca.pem" };
        std::fs::remove_file(folder.path().join(lost)).unwrap();
        let refused = open(folder.path()).await.unwrap_err();
        assert!(refused.contains(lost) && refused.contains("backup"), "{refused}");
    }
}

#[tokio::test]
async fn a_folder_that_was_there_becomes_private_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let open_up = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    open_up(folder.path(), 0o755);
    open(folder.path()).await.unwrap();
    assert_eq!(mode(folder.path()), 0o700);
    open_up(&folder.path().join("moat.db"), 0o644);
    open_up(&folder.path().join("ca.key"), 0o644);
    open(folder.path()).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap() != "ca.pem" {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }
}

#[tokio::test]
async fn the_tenant_s_id_is_a_random_uuid() {
    let folder = tempfile::tempdir().unwrap();
    let data = DataFolder::open(folder.path()).unwrap();
    let app = App::open(data, Config::default()).await.unwrap();
    let id: uuid::Uuid = app.tenant.parse().unwrap();
    assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
}
