"""What is done with a frame whose people are known: who is who, what happens at the stations, the drawing, and the display."""

from drawing import Drawing
from stations import Stations
from tracker import Tracker


class Floor:
    """The last stage. Frames come in their order."""

    def __init__(self, video, stations, meter, screen=None):
        self.rate = video.rate
        self.tracker = Tracker()
        self.stations = Stations(stations, video.size)
        self.drawing = Drawing(video.size)
        self.meter = meter
        self.screen = screen

    def finish(self, frame):
        time = frame.number / self.rate
        names = self.tracker.update(frame.people, time)
        self.stations.update(frame.people, names, time)
        self.drawing.draw(frame.image, frame.people, names, self.stations, self.tracker.names())
        if self.screen:
            self.screen(frame, names)
        self.meter.finished(frame.began)
