//! Stands in for the crate `mmap-rs`, which does not compile for wasm32. `hnsw_rs` maps dumped index files with
//! it; nearhit never dumps or loads an index (it derives one from the rows), so every mapping is refused.

use std::fs::File;

/// Why nothing was mapped: there is no memory mapping here.
#[derive(Debug)]
pub struct Error;

/// How a file would be mapped.
#[derive(Debug)]
pub struct MmapOptions;

impl MmapOptions {
    /// Options for a mapping of `size` bytes.
    ///
    /// # Errors
    /// Never; the mapping itself is refused.
    pub fn new(_size: usize) -> Result<Self, Error> {
        Ok(Self)
    }

    /// Names the file to map.
    ///
    /// # Safety
    /// Sound for every argument: nothing is mapped. It is `unsafe` because the crate it stands in for is.
    #[must_use]
    pub unsafe fn with_file(self, _file: &File, _offset: u64) -> Self {
        self
    }

    /// Refuses the mapping.
    ///
    /// # Errors
    /// Always.
    pub fn map(self) -> Result<Mmap, Error> {
        Err(Error)
    }
}

/// A mapping. None can be made.
#[derive(Debug)]
pub struct Mmap(std::convert::Infallible);

impl Mmap {
    /// The mapped bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self.0 {}
    }

    /// The number of mapped bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        match self.0 {}
    }
}
