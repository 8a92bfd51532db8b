//! The data folder's discipline, in folders of their own.

use std::os::unix::fs::symlink;

use super::*;

fn parent() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("there").permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("set");
}

#[test]
fn a_new_folder_and_all_inside_are_its_owners_alone() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("a/b"), true).expect("made");
    assert_eq!(mode(folder.path()), 0o700);
    for inner in [folder.keys(), folder.blobs(), folder.blobs_tmp(), folder.checkpoints(), folder.signer(), folder.log()] {
        assert_eq!(mode(&inner), 0o700, "{inner:?}");
    }
    drop(folder.lock().expect("free"));
    let rights = folder.wide_permissions().expect("walked");
    assert!(rights.wide.is_empty() && rights.complete, "{rights:?}");
    DataFolder::open(folder.path(), false).expect("is there now");
}

#[test]
fn an_absent_folder_is_made_only_when_asked() {
    let parent = parent();
    let path = parent.path().join("data");
    let said = DataFolder::open(&path, false).expect_err("refused");
    assert!(matches!(said, FolderError::Missing(_)) && said.to_string().contains("countersign serve"), "{said}");
    assert!(!path.exists());
}

#[test]
fn an_empty_folder_that_somebody_made_is_made_private_and_a_full_one_left_alone() {
    let parent = parent();
    let path = parent.path().join("data");
    fs::create_dir(&path).expect("made");
    chmod(&path, 0o755);
    DataFolder::open(&path, true).expect("opened");
    assert_eq!(mode(&path), 0o700);
    chmod(&path, 0o755);
    let folder = DataFolder::open(&path, true).expect("opened");
    assert_eq!(folder.wide_permissions().expect("walked").wide, [(folder.path().to_owned(), 0o755)]);
}

#[test]
fn a_symlink_in_place_of_an_inner_folder_is_refused() {
    for name in SUB_FOLDERS {
        let parent = parent();
        let path = parent.path().join("data");
        DataFolder::open(&path, true).expect("made");
        fs::remove_dir_all(path.join(name)).expect("removed");
        symlink(parent.path(), path.join(name)).expect("linked");
        let said = DataFolder::open(&path, true).expect_err("refused");
        assert!(matches!(said, FolderError::NotAFolder(_)), "{name}: {said}");
    }
}

#[test]
fn the_folder_itself_may_be_reached_by_a_symlink() {
    let parent = parent();
    let path = parent.path().join("data");
    DataFolder::open(&path, true).expect("made");
    symlink(&path, parent.path().join("link")).expect("linked");
    let folder = DataFolder::open(&parent.path().join("link"), false).expect("opened");
    assert_eq!(folder.path(), fs::canonicalize(path).expect("there"));
}

#[test]
fn a_file_in_place_of_the_folder_is_refused() {
    let parent = parent();
    let path = parent.path().join("data");
    fs::write(&path, "x").expect("written");
    for create in [true, false] {
        assert!(matches!(DataFolder::open(&path, create), Err(FolderError::NotAFolder(_))));
    }
}

#[test]
fn a_held_folder_names_its_holder_and_is_free_again_afterwards() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("data"), true).expect("made");
    let lock = folder.lock().expect("free");
    assert_eq!(mode(&folder.path().join("lock")), 0o600);
    let said = folder.lock().expect_err("held").to_string();
    assert!(said.contains(&format!("another countersign (pid {})", std::process::id())), "{said}");
    drop(lock);
    assert_eq!(fs::read(folder.path().join("lock")).expect("read"), b"");
    folder.lock().expect("free again");
}

#[test]
fn a_symlink_in_place_of_the_lock_is_not_followed() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("data"), true).expect("made");
    let victim = parent.path().join("victim");
    fs::write(&victim, "precious").expect("written");
    symlink(&victim, folder.path().join("lock")).expect("linked");
    assert!(matches!(folder.lock(), Err(FolderError::NotAFile(_))));
    assert_eq!(fs::read(victim).expect("read"), b"precious");
}

#[test]
fn a_private_file_is_replaced_whole_and_leaves_nothing_behind() {
    let parent = parent();
    let path = parent.path().join("file");
    fs::write(&path, "old").expect("written");
    chmod(&path, 0o644);
    write_private(&path, b"new").expect("written");
    assert_eq!(fs::read(&path).expect("read"), b"new");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(fs::read_dir(parent.path()).expect("listed").count(), 1);
}

#[test]
fn a_write_that_fails_leaves_the_old_and_no_temporary_file() {
    let parent = parent();
    let path = parent.path().join("taken");
    fs::create_dir(&path).expect("made");
    fs::write(path.join("x"), "x").expect("written");
    assert!(matches!(write_private(&path, b"new"), Err(FolderError::Io { doing: "written", .. })));
    assert_eq!(fs::read_dir(parent.path()).expect("listed").count(), 1);
    assert!(matches!(write_private(&parent.path().join("no/such"), b"x"), Err(FolderError::Io { .. })));
}

#[test]
fn many_writers_of_one_file_leave_one_of_their_texts() {
    let parent = parent();
    let path = parent.path().join("file");
    std::thread::scope(|scope| {
        for n in 0..8_u8 {
            let path = &path;
            scope.spawn(move || (0..20).for_each(|_| write_private(path, &[n; 1000]).expect("written")));
        }
    });
    let bytes = fs::read(&path).expect("read");
    assert_eq!(bytes, vec![bytes[0]; 1000]);
    assert_eq!(fs::read_dir(parent.path()).expect("listed").count(), 1);
}

#[test]
fn everything_wider_than_its_owner_is_listed_with_its_mode() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("data"), true).expect("made");
    let key = folder.keys().join("kek-1");
    write_private(&key, b"x").expect("written");
    chmod(&key, 0o640);
    chmod(&folder.checkpoints(), 0o701);
    symlink("/", folder.log().join("link")).expect("linked");
    let mut wide = folder.wide_permissions().expect("walked").wide;
    wide.sort();
    assert_eq!(wide, [(folder.checkpoints(), 0o701), (key, 0o640)]);
}

#[test]
fn aborted_uploads_are_swept_and_blobs_stay() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("data"), true).expect("made");
    fs::write(folder.blobs().join("blob"), "x").expect("written");
    for n in 0..3 {
        fs::write(folder.blobs_tmp().join(format!("upload-{n}")), "x").expect("written");
    }
    assert_eq!(folder.sweep_tmp().expect("swept"), 3);
    assert_eq!(folder.sweep_tmp().expect("swept"), 0);
    assert!(folder.blobs().join("blob").exists());
}

#[test]
fn a_demo_makes_its_folder_and_finds_it_again() {
    let parent = parent();
    let path = parent.path().join("demo-data");
    assert!(DataFolder::make_demo(&path).expect("made").is_demo());
    fs::write(path.join("countersign.db"), "x").expect("written");
    let folder = DataFolder::make_demo(&path).expect("found again");
    assert!(folder.wide_permissions().expect("walked").wide.iter().all(|(path, _)| path.ends_with("countersign.db")));
    DataFolder::make_demo(parent.path().join("empty").as_path()).expect("an empty one is as good as none");
}

#[test]
fn a_demo_refuses_a_folder_it_did_not_make() {
    let parent = parent();
    let folder = DataFolder::open(&parent.path().join("data"), true).expect("made");
    let said = DataFolder::make_demo(folder.path()).expect_err("refused");
    assert!(matches!(said, FolderError::Demo(DemoError::NotMadeByDemo(_))), "{said}");
    assert!(!folder.is_demo() && folder.refuse_demo().is_ok());
}

#[test]
fn a_server_refuses_the_folder_of_a_demo() {
    let parent = parent();
    let folder = DataFolder::make_demo(&parent.path().join("demo-data")).expect("made");
    let said = folder.refuse_demo().expect_err("refused").to_string();
    assert!(said.contains("made by `countersign demo`"), "{said}");
}
