"""Logs as the programs themselves write them: python3 logs.py keras FOLDER SEED SHIFT [SEPARATOR] trains by Keras and its
CSVLogger; python3 logs.py events FOLDER SEED SHIFT writes TensorBoard's event files, with its own writer; python3 logs.py
read FOLDER prints an event folder's scalars as its own reader reads them, as JSON."""

import json
import os
import random
import sys
from pathlib import Path

what, folder = sys.argv[1], Path(sys.argv[2])


def keras(seed, shift, separator=","):
    os.environ["KERAS_BACKEND"] = "jax"
    import keras
    import numpy as np

    keras.utils.set_random_seed(seed)
    x = np.linspace(-1, 1, 32)[:, None]
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.05 * (1 + shift)), loss="mse")
    folder.mkdir(parents=True, exist_ok=True)
    logger = keras.callbacks.CSVLogger(folder / f"run{seed}.csv", separator=separator)
    history = model.fit(x, x**2, validation_data=(x[::4], x[::4] ** 2), epochs=5, verbose=0, callbacks=[logger])
    print(json.dumps(history.history))


def events(seed, shift):
    from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    numbers = random.Random(seed)
    writer = EventFileWriter(str(folder))

    def add(step, tag, **value):
        summary = summary_pb2.Summary(value=[summary_pb2.Summary.Value(tag=tag, **value)])
        writer.add_event(event_pb2.Event(wall_time=0.0, step=step, summary=summary))

    none = tensor_shape_pb2.TensorShapeProto()
    one = tensor_shape_pb2.TensorShapeProto(dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=1)])
    for step in range(0, 300, 3):
        loss = 1 / (1 + step) + 0.01 * numbers.random() + shift
        add(step, "loss/train", simple_value=loss)
        if step % 30 == 27:
            # As TensorFlow 2 writes scalars, in its several spellings.
            packed = [
                dict(dtype=types_pb2.DT_FLOAT, float_val=[loss]),
                dict(dtype=types_pb2.DT_DOUBLE, double_val=[loss]),
                dict(dtype=types_pb2.DT_FLOAT, tensor_content=__import__("struct").pack("<f", loss)),
            ][step % 9 // 3]
            add(step, "loss/validation", tensor=tensor_pb2.TensorProto(tensor_shape=none, **packed))
            add(step, "count", tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_INT64, tensor_shape=none, int64_val=[-step]))
            # Neither is a scalar.
            add(step, "vector", tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape=one, float_val=[loss]))
            add(step, "text", tensor=tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape=none, string_val=[b"a"]))
    writer.close()


def read():
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    scalars = {tag: {e.step: e.value if e.value == e.value else None for e in events.Scalars(tag)} for tag in events.Tags()["scalars"]}
    print(json.dumps(scalars))


if what == "keras":
    keras(int(sys.argv[3]), float(sys.argv[4]), *sys.argv[5:])
elif what == "events":
    events(int(sys.argv[3]), float(sys.argv[4]))
else:
    read()
