//! Shaders without a GPU: every kernel of many plans is parsed, validated, and written for every back end; what the host
//! declares is what the shader declares.

mod declarations;
mod networks;
