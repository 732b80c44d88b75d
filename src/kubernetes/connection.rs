//! The way to the API server: of a Pod's service account, or of a kubeconfig.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Why there is no way to an API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// Not started in a Pod, and no `--kubeconfig`.
    #[error("no Pod service account: outside a cluster, name a kubeconfig with --kubeconfig")]
    NoServiceAccount(#[source] kube::config::InClusterError),
    /// The kubeconfig cannot be used.
    #[error("{}", path.display())]
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KubeconfigError,
    },
    /// The credentials or certificates in it cannot.
    #[error("the credentials for the API server")]
    Client(#[source] kube::Error),
    /// The threads' runtime cannot be made.
    #[error("no event loop")]
    Runtime(#[source] std::io::Error),
}

/// Reads where the API server is. It is not spoken to yet.
pub(super) async fn client(kubeconfig: Option<&Path>) -> Result<Client, ConnectionError> {
    let config = match kubeconfig {
        None => Config::incluster().map_err(ConnectionError::NoServiceAccount)?,
        Some(path) => {
            let failed = |source| ConnectionError::Kubeconfig {
                path: path.to_owned(),
                source,
            };
            let read = Kubeconfig::read_from(path).map_err(failed)?;
            Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
                .await
                .map_err(failed)?
        }
    };
    Client::try_from(config).map_err(ConnectionError::Client)
}
