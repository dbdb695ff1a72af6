//! The device that holds the weights of models and computes with them.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;

/// The device that is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    #[default]
    Cpu,
    /// The CUDA device of this number.
    Cuda(u16),
}

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// This program has no CUDA in it.
    #[error("this codif was built without CUDA: build it with --features cuda, or use --device cpu")]
    NotBuilt,
    /// The driver does not give the device.
    #[error("no CUDA device {number}: {reason}; use --device cpu")]
    NotThere {
        /// Its number.
        number: u16,
        /// What the driver says.
        reason: String,
    },
}

impl DeviceChoice {
    /// Opens the device. It should be opened once: every model then shares it, and all threads send their work in one order.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Cuda(_) if !cfg!(feature = "cuda") => Err(DeviceError::NotBuilt),
            Self::Cuda(number) => Device::new_cuda_with_stream(usize::from(number))
                .map_err(|error| DeviceError::NotThere { number, reason: first_line(&error) }),
        }
    }
}

/// An error of candle without the stack it may carry.
fn first_line(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

/// `cpu`, `cuda`, or `cuda:N`.
impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("cuda:").map(str::parse)) {
            ("cpu", _) => Ok(Self::Cpu),
            ("cuda", _) => Ok(Self::Cuda(0)),
            (_, Some(Ok(number))) => Ok(Self::Cuda(number)),
            _ => Err("it must be cpu, cuda or cuda:N, with N the number of the device".to_owned()),
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => formatter.write_str("cpu"),
            Self::Cuda(number) => write!(formatter, "cuda:{number}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        let read = |text: &str| text.parse::<DeviceChoice>();
        assert_eq!((read("cpu"), read("cuda")), (Ok(DeviceChoice::Cpu), Ok(DeviceChoice::Cuda(0))));
        for choice in [DeviceChoice::Cpu, DeviceChoice::Cuda(3)] {
            assert_eq!(read(&choice.to_string()), Ok(choice));
        }
        for wrong in ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:65536", "cpu:0"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        assert!(DeviceChoice::default().open().unwrap().is_cpu());
    }
}
