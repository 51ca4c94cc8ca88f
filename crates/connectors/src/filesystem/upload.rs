//! A pending object that is being written to a bucket.
//!
//! ```text
//! small   buffer ─────────────────────────────────────────────────▶ put
//! large   buffer ─▶ begin, name the upload in <key>.upload ─▶ { part }* ─▶ complete ─▶ forget it
//! ```
//!
//! An upload in parts is invisible until it is completed, but its parts are kept (and paid for)
//! until somebody gives it up, and not every store can list them. The object beside it says which
//! upload a crash has left behind, so that the next life of the job can.

use bytes::Bytes;
use millstream_core::Result;
use object_store::MultipartId;
use object_store::multipart::PartId;
use serde_json::json;

use super::bucket::Bucket;
use super::root::UPLOAD;

/// Bytes of a part: the least that S3 takes, because so much is held per open file.
pub(super) const PART_BYTES: usize = 5 << 20;

pub(super) struct Upload {
    bucket: Bucket,
    path: String,
    buffer: Vec<u8>,
    bytes: u64,
    parts: Option<(MultipartId, Vec<PartId>)>,
}

impl Upload {
    pub(super) fn new(bucket: &Bucket, path: String) -> Self {
        Upload {
            bucket: bucket.clone(),
            path,
            buffer: Vec::new(),
            bytes: 0,
            parts: None,
        }
    }

    /// Appends bytes. After an error the object is lost.
    pub(super) async fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        while self.buffer.len() + bytes.len() >= PART_BYTES {
            let (now, later) = bytes.split_at(PART_BYTES - self.buffer.len());
            self.buffer.extend_from_slice(now);
            bytes = later;
            self.part().await?;
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    async fn part(&mut self) -> Result<()> {
        if self.parts.is_none() {
            let id = self.bucket.begin_upload(&self.path).await?;
            let note = json!({"v": 1, "id": id}).to_string();
            self.bucket.put(&self.note(), Bytes::from(note)).await?;
            self.parts = Some((id, Vec::new()));
        }
        if let Some((id, parts)) = &mut self.parts {
            let bytes = Bytes::from(std::mem::take(&mut self.buffer));
            let place = parts.len();
            parts.push(self.bucket.upload(&self.path, id, place, bytes).await?);
        }
        Ok(())
    }

    /// Writes what is left. The object is there, and pending.
    pub(super) async fn finish(mut self) -> Result<()> {
        if self.parts.is_none() {
            return self.bucket.put(&self.path, Bytes::from(self.buffer)).await;
        }
        if !self.buffer.is_empty() {
            self.part().await?;
        }
        let note = self.note();
        if let Some((id, parts)) = self.parts {
            let bucket = &self.bucket;
            bucket
                .complete_upload(&self.path, &id, parts, self.bytes)
                .await?;
            bucket.delete(&note).await?;
        }
        Ok(())
    }

    fn note(&self) -> String {
        format!("{}{UPLOAD}", self.path)
    }
}
