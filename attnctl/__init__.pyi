from attnctl.api.networks import TrainedNetwork as TrainedNetwork
from attnctl.api.networks import network as network
from attnctl.api.sweeps import RunStatus as RunStatus
from attnctl.api.sweeps import Status as Status
from attnctl.api.sweeps import Sweep as Sweep
from attnctl.api.sweeps import status as status
from attnctl.api.sweeps import sweep as sweep
from attnctl.api.tables import Table as Table
from attnctl.api.tables import report as report
from attnctl.db.frames import Frames as Frames
from attnctl.db.frames import load as load
from attnctl.networks.surgery import attach as attach

__version__: str
