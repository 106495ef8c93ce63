from attnctl.api.networks import TrainedNetwork as TrainedNetwork
from attnctl.api.networks import network as network
from attnctl.db.frames import Frames as Frames
from attnctl.db.frames import load as load
from attnctl.networks.surgery import attach as attach

__version__: str
