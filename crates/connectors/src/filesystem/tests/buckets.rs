//! Tables in a bucket, here one in memory.

use std::sync::Arc;

use millstream_core::Code;
use millstream_core::connector::{Discovery, Fetch, SourceContext};
use object_store::memory::InMemory;
use object_store::path::Path as Key;
use object_store::{ObjectStoreExt, PutPayload};

use super::*;
use crate::conformance::{numbered, read_splits};
use crate::filesystem::bucket::{Bucket, Patience};
use crate::filesystem::root::Root;
use crate::filesystem::source::open;
use crate::testing::{lines, source_context};

async fn bucket(objects: &[(&str, &[u8])]) -> (Arc<InMemory>, Root) {
    let store = Arc::new(InMemory::new());
    for (key, bytes) in objects {
        put(&store, key, bytes).await;
    }
    let root = Root::Bucket(Bucket {
        store: Arc::clone(&store) as _,
        name: "bucket 'b' at 'http://there'".into(),
        url: "s3://b".into(),
        prefix: "in".into(),
        patience: Patience::default(),
    });
    (store, root)
}

async fn put(store: &InMemory, key: &str, bytes: &[u8]) {
    let key = Key::parse(key).unwrap();
    let payload = PutPayload::from(bytes.to_vec());
    store.put(&key, payload).await.unwrap();
}

fn context(table: &TableSpec) -> SourceContext {
    source_context(table, 2, 2)
}

async fn discover(root: &Root, table: &TableSpec) -> millstream_core::Result<Discovery> {
    let source = open(root.clone(), table, &context(table))?;
    source.enumerator(&[])?.discover().await
}

#[tokio::test]
async fn objects_below_a_prefix_are_files_of_a_table() {
    let zstd = zstd::encode_all(&b"3,c\n"[..], 0).unwrap();
    let objects: [(&str, &[u8]); 6] = [
        ("in/1.csv", b"1,a\n2,b\n"),
        ("in/sub/2.zst", &zstd),
        ("in/_SUCCESS", b"not,a,row"),
        ("in/.millstream-pending/j/l.1/part-0", b"not,a,row"),
        ("in/empty", b""),
        ("inner/9", b"9,x\n"),
    ];
    let (_, root) = bucket(&objects).await;
    let table = files(Path::new("/unused"), &[]);
    let found = discover(&root, &table).await.unwrap();
    let names: Vec<&str> = found.splits.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["s3://b/in/1.csv", "s3://b/in/empty", "s3://b/in/sub/2.zst"]
    );
    let source = open(root, &table, &context(&table)).unwrap();
    let reading = read_splits(source.as_ref(), &context(&table), found)
        .await
        .unwrap();
    assert_eq!(reading.rows(), ["1|a", "2|b", "3|c"]);
}

#[tokio::test]
async fn one_object_is_a_table_and_nothing_is_an_error() {
    let (_, root) = bucket(&[("in", b"1,a\n")]).await;
    let table = files(Path::new("/unused"), &[]);
    let found = discover(&root, &table).await.unwrap();
    assert_eq!(found.splits[0].0, "s3://b/in");
    let source = open(root, &table, &context(&table)).unwrap();
    let reading = read_splits(source.as_ref(), &context(&table), found)
        .await
        .unwrap();
    assert_eq!(reading.rows(), ["1|a"]);
    let (_, root) = bucket(&[]).await;
    let error = discover(&root, &table).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);
    let watched = files(Path::new("/unused"), &[("source.monitor-interval", "1 s")]);
    assert_eq!(discover(&root, &watched).await.unwrap().splits, []);
}

#[tokio::test]
async fn partition_columns_come_from_keys() {
    let (_, root) = bucket(&[("in/b=x%2Fy/1", b"7\n")]).await;
    let mut table = files(Path::new("/unused"), &[]);
    table.partition_keys = vec!["b".into()];
    let found = discover(&root, &table).await.unwrap();
    let source = open(root, &table, &context(&table)).unwrap();
    let reading = read_splits(source.as_ref(), &context(&table), found)
        .await
        .unwrap();
    assert_eq!(reading.rows(), ["7|x/y"]);
}

#[tokio::test]
async fn an_object_is_read_on_unless_it_has_been_replaced() {
    let text: Vec<u8> = (0..200_000)
        .flat_map(|i| format!("{i},x\n").into_bytes())
        .collect();
    let (store, root) = bucket(&[("in/f", &text)]).await;
    let table = files(Path::new("/unused"), &[]);
    let mut context = source_context(&table, 1, 100_000);
    let source = open(root, &table, &context).unwrap();
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let split = numbered(found).remove(0);
    let mut reader = source.reader().unwrap();
    reader.assign(split.clone(), None).unwrap();
    let mut before = 0;
    if let Fetch::Rows { rows, .. } = reader.fetch().await.unwrap() {
        before = rows.num_rows();
    }
    assert!(before > 0);
    let position = reader.position(split.id);
    context.batch_rows = 10;
    let restored = || {
        let mut reader = source.reader().unwrap();
        reader.assign(split.clone(), position.clone()).unwrap();
        reader
    };
    // The same bytes once more: another version, and the same file.
    put(&store, "in/f", &text).await;
    match restored().fetch().await.unwrap() {
        Fetch::Rows { rows, .. } => assert_eq!(lines(&rows)[0], format!("{before}|x")),
        other => panic!("no rows: {other:?}"),
    }
    let mut other = text.clone();
    other[0] = b'9';
    put(&store, "in/f", &other).await;
    let error = restored().fetch().await.unwrap_err();
    assert_eq!(error.code(), Code::InputLost);
    assert!(
        error.message().contains("'s3://b/in/f' has been replaced"),
        "{error}"
    );
    store.delete(&Key::from("in/f")).await.unwrap();
    assert_eq!(
        restored().fetch().await.unwrap_err().code(),
        Code::InputLost
    );
}

#[tokio::test]
async fn an_object_that_is_replaced_while_it_is_read_is_lost_input() {
    let text = vec![b'\n'; 9 << 20];
    let (store, root) = bucket(&[("in/f", &text)]).await;
    let columns = [("b", millstream_core::types::SqlType::STRING)];
    let mut table = files(Path::new("/unused"), &[]);
    table.schema = crate::testing::table("t", &columns, &[]).schema;
    let context = source_context(&table, 1, 1024);
    let source = open(root, &table, &context).unwrap();
    let found = source.enumerator(&[]).unwrap().discover().await.unwrap();
    let mut reader = source.reader().unwrap();
    reader.assign(numbered(found).remove(0), None).unwrap();
    assert!(matches!(reader.fetch().await.unwrap(), Fetch::Rows { .. }));
    put(&store, "in/f", &vec![b'x'; 9 << 20]).await;
    let error = loop {
        match reader.fetch().await {
            Ok(Fetch::Rows { .. }) => {}
            Ok(other) => panic!("the end of a file that is gone: {other:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code(), Code::InputLost);
}

#[tokio::test]
async fn an_object_of_many_ranges_is_read_to_its_end() {
    let long = "x".repeat(1 << 20);
    let text: String = (0..13).map(|i| format!("{i},{long}\n")).collect();
    let gzip = {
        use std::io::Write;
        let level = flate2::Compression::none();
        let mut to = flate2::write::GzEncoder::new(Vec::new(), level);
        to.write_all(text.as_bytes()).unwrap();
        to.finish().unwrap()
    };
    let objects: [(&str, &[u8]); 2] = [("in/f", text.as_bytes()), ("in/g.gz", &gzip)];
    let (_, root) = bucket(&objects).await;
    let table = files(Path::new("/unused"), &[]);
    let context = source_context(&table, 1, 5);
    let found = discover(&root, &table).await.unwrap();
    let source = open(root, &table, &context).unwrap();
    let reading = read_splits(source.as_ref(), &context, found).await.unwrap();
    for name in ["s3://b/in/f", "s3://b/in/g.gz"] {
        let rows = &reading.splits[name];
        assert_eq!(rows.len(), 13, "{name}");
        let whole = |(i, row): (usize, &String)| *row == format!("{i}|{long}");
        assert!(rows.iter().enumerate().all(whole), "{name}");
    }
}
