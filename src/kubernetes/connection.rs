//! The connection to the API server: by a Pod's service account, or by a kubeconfig.

use std::path::{Path, PathBuf};

use kube::config::{KubeConfigOptions, Kubeconfig, KubeconfigError};
use kube::{Client, Config};

/// Why there is no connection to an API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The agent does not run in a Pod, and there is no `--kubeconfig`.
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
    /// Its credentials or certificates cannot be used.
    #[error("the credentials for the API server")]
    Client(#[source] kube::Error),
    /// The event loop cannot be created.
    #[error("no event loop")]
    Runtime(#[source] std::io::Error),
}

/// Reads the address of the API server. It does not connect yet.
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
